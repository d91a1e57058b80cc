/**
 * A TensorFlow eager context: memory in and out, ops executed at once on the JavaScript thread, and a second executor whose
 * thread runs compiled calls in the order they were queued.
 */
import { availableParallelism, totalmem } from 'node:os';
import { type AttributeSetters, attributeSetters } from '../attributes.js';
import { dtypeOf, loadCApi, type CApi, type Pointer, typeNumbers, viewMemory } from '../capi.js';
import { TrainbookError } from '../../error.js';
import type { LibraryFiles } from '../library.js';
import { bytesOf, type DType, type Elements, sizeOf, type Spec } from '../trace.js';
import { integerField } from './protobuf.js';

/** Elements of a string tensor are UTF-8 bytes, as tfjs has them. */
export type HostData = Elements | readonly Uint8Array[];

/** A failed call: TensorFlow's status code and words. */
export class TensorFlowError extends Error {
  override readonly name = 'TensorFlowError';
  constructor(
    readonly operation: string,
    readonly code: number,
    readonly detail: string,
  ) {
    super(`${operation}: ${detail}`);
  }
}

const tstringBytes = 24;

export class Context {
  readonly c: CApi;
  readonly setters: AttributeSetters;
  readonly pointer: Pointer;
  readonly version: string;
  /** A serialised ConfigProto. */
  readonly config: Buffer;
  private readonly status: Pointer;
  private readonly eagerExecutor: Pointer;
  private readonly queueExecutor: Pointer;
  private numQueued = 0;
  /** Where TensorFlow writes an op's outputs: foreign memory that is made once. */
  private readonly returns = new BigUint64Array(64);
  private readonly numReturns = new Int32Array(1);
  private spareOp: Pointer | undefined;
  /** Names that TensorFlow has ops for: it need not be asked again. */
  private readonly knownOps = new Set<string>();

  /** @param more fields of a ConfigProto beside those of threads */
  constructor(
    readonly library: LibraryFiles,
    more: Uint8Array = Buffer.alloc(0),
  ) {
    this.config = Buffer.concat([threadsConfig(), more]);
    this.c = loadCApi(library.framework, library.cc);
    this.setters = attributeSetters(this.c, 'op');
    this.version = this.c.version() as string;
    this.status = this.c.newStatus() as Pointer;
    const options = this.c.newContextOptions() as Pointer;
    this.c.setConfig(options, this.config, this.config.length, this.status);
    this.check('TFE_ContextOptionsSetConfig');
    this.pointer = this.c.newContext(options, this.status) as Pointer;
    this.check('TFE_NewContext');
    this.c.deleteContextOptions(options);
    this.eagerExecutor = this.c.getExecutor(this.pointer) as Pointer;
    this.queueExecutor = this.c.newExecutor(1, 0, 0) as Pointer;
    this.reserve(Math.min(2 ** 30, 2 * Math.floor(totalmem() / 32)));
  }

  /**
   * Makes TensorFlow's allocator own two free ranges of addresses (no memory: nothing is written there). It gives a request the smallest
   * free range that holds it. Without the smaller one weights and results would be cut out of the range that a large call's temporaries
   * used and will ask for again; then it no longer fits, and the process holds it twice.
   */
  private reserve(numBytes: number): void {
    const { c } = this;
    for (const size of [numBytes / 2, numBytes]) {
      const shape = this.newHandle({ dtype: 'int32', shape: [1] }, Int32Array.of(size));
      const [range] = this.execute('Empty', 1, (op, status) => {
        c.addInput(op, shape, status);
        c.opType(op, 'dtype', typeNumbers.uint8);
      });
      c.deleteHandle(shape);
      if (range !== undefined) c.deleteHandle(range);
    }
  }

  /** Throws what the last call that took `status` reported. */
  check(operation: string, status = this.status): void {
    const code = this.c.code(status) as number;
    if (code !== 0) throw new TensorFlowError(operation, code, this.c.message(status) as string);
  }

  get statusPointer(): Pointer {
    return this.status;
  }

  /** Devices by name and type, such as `CPU:0`. */
  devices(): string[] {
    const list = this.c.listDevices(this.pointer, this.status) as Pointer;
    this.check('TFE_ContextListDevices');
    const count = this.c.deviceCount(list) as number;
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      const name = this.c.deviceName(list, index, this.status) as string;
      names.push(name.slice(name.lastIndexOf('device:') + 'device:'.length));
    }
    this.c.deleteDeviceList(list);
    return names;
  }

  /** A TF_Tensor with a copy of the data; the caller deletes it. */
  newTensor(spec: Spec, data: HostData): Pointer {
    const { c } = this;
    const dims = spec.shape.length === 0 ? [0] : spec.shape;
    const size = sizeOf(spec.shape);
    const numBytes = spec.dtype === 'string' ? size * tstringBytes : bytesOf(spec);
    const tensor = c.allocateTensor(typeNumbers[spec.dtype], dims, spec.shape.length, numBytes) as Pointer;
    if (numBytes === 0) return tensor;
    const memory = c.tensorData(tensor) as Pointer;
    if (spec.dtype === 'string') {
      for (let index = 0; index < size; index++) {
        const place = memory + BigInt(index * tstringBytes);
        const bytes = (data as readonly Uint8Array[])[index] ?? new Uint8Array(0);
        c.stringInit(place);
        c.stringCopy(place, bytes, bytes.length);
      }
    } else {
      const source = data as Elements;
      if (source.byteLength !== numBytes) {
        throw new Error(
          `internal: ${spec.dtype}[${spec.shape.join(', ')}] needs ${numBytes} bytes, got ${source.byteLength}`,
        );
      }
      new Uint8Array(viewMemory(memory, numBytes)).set(new Uint8Array(source.buffer, source.byteOffset, numBytes));
    }
    return tensor;
  }

  /** A tensor handle with a copy of the data. */
  newHandle(spec: Spec, data: HostData): Pointer {
    const tensor = this.newTensor(spec, data);
    const handle = this.c.newHandle(tensor, this.status) as Pointer;
    this.c.deleteTensor(tensor);
    this.check('TFE_NewTensorHandle');
    return handle;
  }

  /** A copy of a handle's elements; waits until they are computed. */
  read(handle: Pointer, spec: Spec): HostData {
    const tensor = this.c.resolve(handle, this.status) as Pointer;
    this.check('reading a tensor');
    try {
      return this.copyOut(tensor, spec);
    } finally {
      this.c.deleteTensor(tensor);
    }
  }

  private copyOut(tensor: Pointer, spec: Spec): HostData {
    const { c } = this;
    const size = sizeOf(spec.shape);
    if (size === 0) return spec.dtype === 'string' ? [] : typedView(new ArrayBuffer(0), spec);
    const memory = c.tensorData(tensor) as Pointer;
    if (spec.dtype !== 'string') return typedView(viewMemory(memory, bytesOf(spec)).slice(0), spec);
    return Array.from({ length: size }, (_, index) => {
      const place = memory + BigInt(index * tstringBytes);
      const length = Number(c.stringSize(place));
      if (length === 0) return new Uint8Array(0);
      return new Uint8Array(viewMemory(c.stringData(place) as Pointer, length)).slice();
    });
  }

  /** The dtype of a handle. */
  dtypeOf(handle: Pointer): DType {
    return dtypeOf(this.c.handleType(handle) as number);
  }

  /** The shape of a handle whose op has run. */
  shapeOf(handle: Pointer): number[] {
    const { c, status } = this;
    const rank = c.handleRank(handle, status) as number;
    const shape = new Array<number>(rank);
    for (let axis = 0; axis < rank; axis++) shape[axis] = Number(c.handleSize(handle, axis, status));
    return shape;
  }

  /**
   * Executes an op now. `configure` adds inputs and attributes; what it adds wrongly fails the execution, so that one look at the
   * status is enough (each is a foreign call). With `keep` the op object is kept for the next op, which is much cheaper than a new one,
   * and holds its inputs until then.
   */
  execute(
    name: string,
    numOutputs: number,
    configure: (op: Pointer, status: Pointer) => void,
    keep = false,
  ): Pointer[] {
    const { c, status } = this;
    const op = this.opFor(name);
    let isKept = false;
    try {
      configure(op, status);
      const returns = numOutputs <= this.returns.length ? this.returns : new BigUint64Array(numOutputs);
      this.numReturns[0] = numOutputs;
      c.execute(op, returns, this.numReturns, status);
      this.check(name);
      isKept = keep;
      return Array.from(returns.subarray(0, this.numReturns[0]));
    } finally {
      if (isKept) this.spareOp = op;
      else c.deleteOp(op);
    }
  }

  /** An op object without inputs and attributes: the one that was kept, or a new one. */
  private opFor(name: string): Pointer {
    const { c, status, spareOp } = this;
    this.spareOp = undefined;
    if (spareOp === undefined) {
      const op = c.newOp(this.pointer, name, status) as Pointer | null;
      if (op === null || op === 0n) this.check(name);
      return op as Pointer;
    }
    c.resetOp(spareOp, name, null, status);
    if (!this.knownOps.has(name)) {
      if ((c.code(status) as number) !== 0) c.deleteOp(spareOp);
      this.check(name);
      this.knownOps.add(name);
    }
    return spareOp;
  }

  /**
   * Puts an op into the queue and returns its output handles, which other ops may take at once, and a promise of its end. The
   * JavaScript thread stays free. After a failure the calls queued behind it fail too (their inputs or state may be wrong).
   */
  enqueue(
    name: string,
    numOutputs: number,
    configure: (op: Pointer, status: Pointer) => void,
  ): { readonly handles: Pointer[]; readonly finished: Promise<void> } {
    const handles = this.queued(() => this.execute(name, numOutputs, configure));
    const [witness] = handles;
    if (witness === undefined) throw new Error(`internal: ${name} was queued without an output to wait for`);
    return { handles, finished: this.whenComputed(name, witness) };
  }

  /** Runs `task`, whose calls of `execute` then go into the queue; their output handles are there at once. */
  queued<R>(task: () => R): R {
    this.c.setExecutor(this.pointer, this.queueExecutor);
    try {
      return task();
    } finally {
      this.c.setExecutor(this.pointer, this.eagerExecutor);
    }
  }

  /** Resolves when the queue has computed an output of `operation`. */
  whenComputed(operation: string, output: Pointer): Promise<void> {
    this.numQueued++;
    // One waiting thread at a time: the pool of libuv is small and files need it too.
    const finished = this.lastFinished.then(() => this.wait(operation, output));
    this.lastFinished = finished.catch(() => undefined);
    return finished;
  }

  private lastFinished: Promise<void> = Promise.resolve();

  private async wait(name: string, handle: Pointer): Promise<void> {
    const { c } = this;
    const status = c.newStatus() as Pointer;
    try {
      const tensor = await new Promise<Pointer | null>((resolve, reject) => {
        c.resolve.async(handle, status, (error: unknown, result: Pointer | null) => {
          if (error !== null && error !== undefined)
            reject(error instanceof Error ? error : new Error('internal: a native call failed'));
          else resolve(result);
        });
      });
      if (tensor !== null && tensor !== 0n) c.deleteTensor(tensor);
      this.check(name, status);
    } finally {
      this.numQueued--;
      if ((c.code(status) as number) !== 0) this.clearQueue();
      c.deleteStatus(status);
    }
  }

  /** After a failure: the rest of the queue is cancelled by TensorFlow; then the queue is usable again. */
  private clearQueue(): void {
    this.c.waitExecutor(this.queueExecutor, this.status);
    this.c.clearExecutor(this.queueExecutor);
  }

  /** Gives up the context. Its handles must not be used any more. */
  close(): void {
    this.drain();
    if (this.spareOp !== undefined) this.c.deleteOp(this.spareOp);
    this.spareOp = undefined;
    this.c.deleteContext(this.pointer);
  }

  /** Blocks until the queue is empty: reading state sees every call that was queued before. */
  drain(): void {
    if (this.numQueued > 0) this.c.waitExecutor(this.queueExecutor, this.status);
  }
}

/** Elements over a buffer, by dtype. */
export function typedView(buffer: ArrayBuffer, { dtype }: Spec): Elements {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint64':
      return new BigUint64Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'uint16':
    case 'bfloat16':
    case 'float16':
      return new Uint16Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer);
    case 'string':
    case 'resource':
      throw new Error(`internal: ${dtype} has no elements in memory`);
  }
}

/** A serialised ConfigProto: field 2 is intra_op_parallelism_threads, field 5 inter_op_parallelism_threads. */
export function threadsConfig(numThreads = threadsOfProcess()): Buffer {
  return Buffer.concat([integerField(2, numThreads), integerField(5, numThreads)]);
}

/** Threads for computing: `TRAINBOOK_THREADS`, which is set for processes that share a machine, else one a processor core. */
export function threadsOfProcess(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment['TRAINBOOK_THREADS'];
  if (text === undefined || text === '') return availableParallelism();
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new TrainbookError({
    what: 'engine: TRAINBOOK_THREADS is no number of threads',
    received: text,
    expected: 'an integer > 0',
    fix: 'unset TRAINBOOK_THREADS: then one thread a processor core is used',
  });
}
