/**
 * What the JavaScript layer of tfjs-node asks of its native addon (`TFJSBinding`), over TensorFlow's C API; and the same for
 * ops while a function is traced. Every tensor is an entry of one table.
 */
import { attributeKinds, castAttributes, convertAttributes, isSameType, type TfjsAttribute } from './attributes.js';
import { dtypeOf, type Pointer, typeNumbers } from './capi.js';
import { captureKey, constantElements, type Entry, readEntry, wrongTrace } from './entry.js';
import { executeEagerly } from './execute-eagerly.js';
import { elementsFor, tfjsDtype, toHostData } from './host-data.js';
import type { Layout } from './mesh/layout.js';
import type { Device } from './pjrt/device.js';
import type { DeviceTensor } from './pjrt/device-tensor.js';
import type { EagerDevice, EagerInput } from './pjrt/eager.js';
import { castOf, currentPrecision, matrixProducts } from './precision.js';
import { activeRecorder, type Recorder } from './recorder.js';
import { ruledFirst } from './rules/ruled-first.js';
import { type Context, type HostData, typedView } from './tensorflow/context.js';
import { Session } from './tensorflow/session.js';
import { type Attributes, bytesOf, type DType, type Elements, type RuleInput, sizeOf, type Spec } from './trace.js';

/** An output as tfjs-node's kernels read it. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export class Binding {
  private readonly entries = new Map<number, Entry>();
  private readonly sessions = new Map<number, Session>();
  private nextId = 1;
  /** Bytes of the handles in the table. */
  numNativeBytes = 0;
  /** Called after each allocation of native memory. */
  onAllocate: (() => void) | undefined;

  constructor(
    /** Opens TensorFlow when an op must really run. */
    private readonly open: () => Context,
    /** What runs ops where there is no TensorFlow. */
    private readonly withoutTensorFlow: () => EagerDevice | undefined = () => undefined,
  ) {}

  get context(): Context {
    return this.open();
  }

  // The members of TFJSBinding.
  readonly TF_FLOAT = typeNumbers.float32;
  readonly TF_INT32 = typeNumbers.int32;
  readonly TF_INT64 = typeNumbers.int64;
  readonly TF_BOOL = typeNumbers.bool;
  readonly TF_COMPLEX64 = typeNumbers.complex64;
  readonly TF_STRING = typeNumbers.string;
  readonly TF_RESOURCE = typeNumbers.resource;
  readonly TF_UINT8 = typeNumbers.uint8;
  readonly TF_ATTR_STRING = attributeKinds.string;
  readonly TF_ATTR_INT = attributeKinds.int;
  readonly TF_ATTR_FLOAT = attributeKinds.float;
  readonly TF_ATTR_BOOL = attributeKinds.bool;
  readonly TF_ATTR_TYPE = attributeKinds.type;
  readonly TF_ATTR_SHAPE = attributeKinds.shape;
  readonly TF_ATTR_RESOURCE = 9;

  get TF_Version(): string {
    return this.withoutTensorFlow() === undefined ? this.context.version : 'none';
  }

  createTensor(shape: number[], dtypeNumber: number, buffer: ArrayLike<number> | HostData): number {
    const spec: Spec = { dtype: dtypeOf(dtypeNumber), shape: [...shape] };
    return this.add({ kind: 'host', spec, data: toHostData(spec, buffer) });
  }

  deleteTensor(id: number): void {
    const entry = this.entries.get(id);
    // A traced value may be needed by a gradient long after the function let go of it; it goes with its trace.
    if (entry === undefined || entry.kind === 'symbol') return;
    this.entries.delete(id);
    if (entry.kind === 'handle') {
      this.context.c.deleteHandle(entry.handle);
      this.numNativeBytes -= bytesOf(entry.spec);
    } else if (entry.kind === 'device') {
      entry.tensor.release();
      this.numNativeBytes -= bytesOf(entry.spec);
    }
  }

  tensorDataSync(id: number): HostData {
    return this.asTfjs(id, this.read(id));
  }

  /** The elements, awaited off the JavaScript thread where they are on a device. */
  async tensorData(id: number): Promise<HostData> {
    const entry = this.entry(id);
    return entry.kind === 'device' ? this.asTfjs(id, await entry.tensor.read(), entry.spec) : this.tensorDataSync(id);
  }

  private asTfjs(id: number, data: HostData, { dtype } = this.entry(id).spec): HostData {
    // tfjs knows no 64-bit integers: what it calls int32 must be one.
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Int32Array.from(data, Number);
    if (dtype === 'bfloat16' || dtype === 'float16' || dtype === 'float64') return this.readAs(id, 'float32');
    return ArrayBuffer.isView(data) && tfjsDtype(dtype) === 'int32' ? Int32Array.from(data) : data;
  }

  private readAs(id: number, dtype: DType): HostData {
    const [cast] = this.run('Cast', [id], castAttributes(this.entry(id).spec.dtype, dtype), 1);
    if (cast === undefined) throw new Error('internal: Cast gave nothing');
    try {
      return this.read(cast);
    } finally {
      this.deleteTensor(cast);
    }
  }

  executeOp(
    name: string,
    attributes: readonly TfjsAttribute[],
    ids: readonly number[],
    numOutputs: number,
  ): TensorMetadata[] {
    const temporary: number[] = [];
    const cast = (id: number, to: DType): number => {
      const [result] = this.run('Cast', [id], castAttributes(this.entry(id).spec.dtype, to), 1);
      if (result === undefined) throw new Error('internal: Cast gave nothing');
      temporary.push(result);
      return result;
    };
    try {
      // A kernel names the dtype that tfjs knows; where the entry has another one (bfloat16 under float32), it is cast.
      let inputs = ids.map((id) => {
        const { dtype } = this.entry(id).spec;
        const known = tfjsDtype(dtype);
        return known === dtype || dtype === 'resource' || dtype === 'int64' || dtype === 'uint8' ? id : cast(id, known);
      });
      const converted = convertAttributes(attributes);
      const precision = castOf(currentPrecision());
      if (precision === undefined || !matrixProducts.has(name) || this.entry(ids[0] ?? 0).spec.dtype !== 'float32') {
        return this.run(name, inputs, converted, numOutputs).map((id) => this.metadata(id));
      }
      inputs = inputs.map((id) => cast(id, precision));
      const [product] = this.run(name, inputs, { ...converted, T: { type: precision } }, 1);
      if (product === undefined) throw new Error(`internal: ${name} gave nothing`);
      temporary.push(product);
      const [result] = this.run('Cast', [product], castAttributes(precision, 'float32'), 1);
      return result === undefined ? [] : [this.metadata(result)];
    } finally {
      for (const id of temporary) this.deleteTensor(id);
    }
  }

  loadSavedModel(folder: string, tags: string): number {
    this.sessions.set(this.nextId, new Session(this.context, folder, tags.split(',')));
    return this.nextId++;
  }
  deleteSavedModel(id: number): void {
    this.sessions.get(id)?.close();
    this.sessions.delete(id);
  }
  /** Runs a loaded model; the names of its inputs and outputs are separated by commas. */
  runSavedModel(id: number, ids: readonly number[], inputs: string, outputs: string): TensorMetadata[] {
    const fed = inputs.split(',').map((name, index) => ({ name, handle: this.handleOf(ids[index] ?? 0) }));
    const results = this.sessions.get(id)?.run(fed, outputs.split(',')) ?? [];
    return results.map(({ handle, spec }) => this.metadata(this.addHandle(handle, spec)));
  }
  getNumOfSavedModels(): number {
    return this.sessions.size;
  }
  getNumOfTensors(): number {
    return this.entries.size;
  }
  isUsingGpuDevice(): boolean {
    return false;
  }

  // What the rest of the engine needs.

  /** What tfjs is told of an entry: its nearest dtype. */
  metadata(id: number): TensorMetadata {
    const { spec } = this.entry(id);
    return { id, shape: [...spec.shape], dtype: typeNumbers[tfjsDtype(spec.dtype)] };
  }

  specOf(id: number): Spec {
    return this.entry(id).spec;
  }

  has(id: number): boolean {
    return this.entries.has(id);
  }

  /** True for a value of a trace. */
  isSymbol(id: number): boolean {
    return this.entries.get(id)?.kind === 'symbol';
  }

  /** The memory of a tensor as tfjs counts it (4 bytes an element, 1 for bool). */
  bytesOf(id: number): { numBytes: number } {
    const { shape, dtype } = this.entry(id).spec;
    const known = tfjsDtype(dtype);
    return { numBytes: bytesOf({ shape, dtype: known }) };
  }

  /** Runs an op now, or records it while a function is traced. Dtypes are taken as they are. */
  run(name: string, ids: readonly number[], attributes: Attributes, numOutputs: number): number[] {
    const recorder = activeRecorder();
    if (recorder !== undefined) {
      const inputs = ids.map((id) => this.valueIn(recorder, id));
      // tfjs casts float32 to float32 here and there.
      if (name === 'Cast' && isSameType(attributes)) return inputs.map((value) => this.addSymbol(recorder, value));
      return recorder.add(name, inputs, attributes).map((value) => this.addSymbol(recorder, value));
    }
    const specs = ruledFirst[name]?.infer(
      ids.map((id) => this.ruleInput(id)),
      attributes,
    );
    if (specs?.every(({ shape }) => sizeOf(shape) === 0) === true)
      return specs.map((spec) => this.addHost(spec, typedView(new ArrayBuffer(0), spec)));
    return this.execute(name, ids, attributes, numOutputs);
  }

  /** Runs an op by TensorFlow, or where there is none on a device. */
  execute(name: string, ids: readonly number[], attributes: Attributes, numOutputs: number): number[] {
    const eager = this.withoutTensorFlow();
    if (eager !== undefined) {
      const { device } = eager;
      const made = eager.run(name, ids.map((id) => this.eagerInput(id, device)), attributes); // prettier-ignore
      return made.map((tensor) => this.addDevice(tensor));
    }
    const inputs = ids.map((id) => ({ handle: this.handleOf(id), spec: this.entry(id).spec }));
    return executeEagerly(this.context, name, inputs, { attributes, numOutputs }).map(({ handle, spec }) =>
      this.addHandle(handle, spec),
    );
  }

  private eagerInput(id: number, device: Device): EagerInput {
    const { spec } = this.entry(id);
    return {
      spec,
      elements: () => elementsFor(device.name, spec, this.read(id)),
      onDevice: () => this.onDevice(id, device, device.layoutOf(spec)),
    };
  }

  private ruleInput(id: number): RuleInput {
    const entry = this.entry(id);
    return { spec: entry.spec, constant: this.constantOf(entry) };
  }

  addHandle(handle: Pointer, spec: Spec): number {
    this.numNativeBytes += bytesOf(spec);
    this.onAllocate?.();
    return this.add({ kind: 'handle', spec, handle });
  }

  addSymbol(recorder: Recorder, value: number): number {
    const id = this.add({ kind: 'symbol', spec: recorder.specOf(value), recorder, value });
    recorder.symbols.push(id);
    return id;
  }

  /** Forgets the symbols of a trace that has ended, but keeps a mark so that a later use gets a clear error. */
  dropSymbols(recorder: Recorder): void {
    for (const id of recorder.symbols) this.entries.delete(id);
    recorder.symbols.length = 0;
  }

  /** Another number for the same value: tensors of tfjs are freed one by one. */
  aliasSymbol(id: number, recorder?: Recorder): number {
    const entry = this.entry(id);
    if (entry.kind === 'symbol') return this.addSymbol(entry.recorder, entry.value);
    if (recorder === undefined) throw new Error('internal: only values of a trace have aliases');
    return this.addSymbol(recorder, this.valueIn(recorder, id));
  }

  dtypeNumber(dtype: DType): number {
    return typeNumbers[dtype];
  }

  addHost(spec: Spec, data: HostData): number {
    return this.add({ kind: 'host', spec, data });
  }

  /** The handle of an entry; host data is copied into TensorFlow at its first use. */
  handleOf(id: number): Pointer {
    const entry = this.entry(id);
    switch (entry.kind) {
      case 'handle':
        return entry.handle;
      case 'host': {
        const handle = this.context.newHandle(entry.spec, entry.data);
        this.entries.set(id, { kind: 'handle', spec: entry.spec, handle });
        this.numNativeBytes += bytesOf(entry.spec);
        this.onAllocate?.();
        return handle;
      }
      case 'device': {
        const handle = this.context.newHandle(entry.spec, entry.tensor.readSync());
        this.entries.set(id, { kind: 'handle', spec: entry.spec, handle });
        entry.tensor.release();
        return handle;
      }
      case 'symbol':
        throw wrongTrace(entry.recorder, undefined);
    }
  }

  /** An entry in the memory of a device, where it stays until an eager op asks for it. The entry holds it; the caller retains it. */
  onDevice(id: number, device: Device, layout: Layout): DeviceTensor {
    const entry = this.entry(id);
    const isThere = entry.kind === 'device' && entry.tensor.device === device;
    if (isThere && entry.tensor.layout.text === layout.text) return entry.tensor;
    if (entry.kind === 'symbol') throw wrongTrace(entry.recorder, undefined);
    const { spec } = entry;
    const tensor =
      entry.kind === 'device'
        ? entry.tensor.copyTo(device, layout)
        : device.put(spec, elementsFor(device.name, spec, this.read(id)), layout);
    if (entry.kind === 'handle') this.context.c.deleteHandle(entry.handle);
    else if (entry.kind === 'device') entry.tensor.release();
    else this.numNativeBytes += bytesOf(spec);
    this.entries.set(id, { kind: 'device', spec, tensor });
    this.onAllocate?.();
    return tensor;
  }

  /** A tensor that a device has; the entry takes the caller's hold over. */
  addDevice(tensor: DeviceTensor): number {
    this.numNativeBytes += bytesOf(tensor.spec);
    this.onAllocate?.();
    return this.add({ kind: 'device', spec: tensor.spec, tensor });
  }

  /** The value that stands for an entry in a trace: its own, a constant, or an input that captures it. */
  valueIn(recorder: Recorder, id: number): number {
    const entry = this.entry(id);
    if (entry.kind === 'symbol') {
      if (entry.recorder === recorder) return entry.value;
      if (!entry.recorder.isOpen || !recorder.isWithin(entry.recorder)) throw wrongTrace(entry.recorder, recorder);
    }
    const known = recorder.constantOf.get(id) ?? recorder.captureOf.get(captureKey(id, entry));
    if (known !== undefined) return known;
    const constant = this.constantOf(entry);
    if (constant !== undefined) {
      const value = recorder.addConstant(entry.spec, constant);
      recorder.constantOf.set(id, value);
      return value;
    }
    const filled = entry.kind === 'host' ? recorder.addFill(entry.spec, entry.data) : undefined;
    if (filled !== undefined) {
      recorder.constantOf.set(id, filled);
      return filled;
    }
    const value = recorder.addInput(entry.spec);
    // The trace may outlive the tensor.
    recorder.captures.set(value, entry.kind === 'symbol' ? id : this.retain(entry));
    recorder.captureOf.set(captureKey(id, entry), value);
    return value;
  }

  private retain(entry: Entry): number {
    if (entry.kind === 'device') return this.addDevice(entry.tensor.retain());
    if (entry.kind !== 'handle') return this.add(entry);
    const { context } = this;
    const handle = context.c.shareHandle(entry.handle, context.statusPointer) as Pointer;
    context.check('TFE_TensorHandleCopySharingTensor');
    return this.add({ ...entry, handle });
  }

  private constantOf(entry: Entry): Elements | undefined {
    return constantElements(entry, () => this.context);
  }

  private read(id: number): HostData {
    return readEntry(this.entry(id), () => this.context);
  }

  private entry(id: number): Entry {
    const entry = this.entries.get(id);
    if (entry === undefined) throw new Error(`internal: tensor ${id} is not in the table; it was disposed`);
    return entry;
  }

  private add(entry: Entry): number {
    const id = this.nextId++;
    this.entries.set(id, entry);
    return id;
  }
}
