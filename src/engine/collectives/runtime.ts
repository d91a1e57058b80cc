/**
 * TensorFlow's collectives (CollectiveReduceV2 and its kin: rings over gRPC) in an eager context of their own: the context that
 * computes never learns of the group, so tensors and compiled functions from before stay as they are, and what waits for other
 * members waits off the JavaScript thread.
 */
import { type Pointer, typeNumbers } from '../capi.js';
import type { Reduction } from '../group.js';
import type { LibraryFiles } from '../library.js';
import { Context } from '../tensorflow/context.js';
import { type DType, sizeOf, type Spec } from '../trace.js';
import { type Bucket, buckets } from './buckets.js';
import { collectiveConfig, serverDefinition } from './server-definition.js';

export type Collective =
  | { readonly kind: 'reduce'; readonly reduction: Reduction }
  | { readonly kind: 'gather' }
  | { readonly kind: 'broadcast'; readonly from: number };

/** What moves elements without a look at them takes few dtypes; these travel as another one of the same bits. */
const sameBits: Partial<Record<DType, DType>> = {
  bfloat16: 'float16',
  int16: 'float16',
  uint16: 'float16',
  uint32: 'int32',
  uint64: 'int64',
};

/** There is none of one byte: these are cast. */
const cast: ReadonlySet<DType> = new Set<DType>(['bool', 'uint8', 'int8']);

const unavailable = 14;

/** Tensors that were there when a call was made, flat, as TF_Tensors of ours. */
export interface Parcel {
  readonly specs: readonly Spec[];
  readonly tensors: readonly Pointer[];
}

/** TF_Tensors; who gets them deletes them. Undefined for one without elements. */
export type Delivery = readonly (Pointer | undefined)[];

export class CollectiveRuntime {
  private readonly context: Context;
  private readonly size: number;
  /** Instance keys by what is done: TensorFlow keeps a record of each key for ever, so equal calls have the same. */
  private readonly keys = new Map<string, number>();

  /**
   * Starts this member's server.
   *
   * @param addresses `host:port` of each member's server
   */
  constructor(
    library: LibraryFiles,
    addresses: readonly string[],
    private readonly index: number,
  ) {
    this.size = addresses.length;
    this.context = new Context(library, collectiveConfig());
    const { c, pointer, statusPointer, config } = this.context;
    const definition = serverDefinition(addresses, index, config);
    c.enableCollectives(pointer, definition, definition.length, statusPointer);
    this.context.check('TFE_EnableCollectiveOps');
  }

  /** Takes hold of tensors of another context: they may be disposed right after. */
  collect(handles: readonly Pointer[], specs: readonly Spec[]): Parcel {
    const tensors = handles.map((handle, index) => {
      const spec = specs[index] as Spec;
      const tensor = this.resolve(handle);
      try {
        return this.bitcast(tensor, { dtype: spec.dtype, shape: [sizeOf(spec.shape)] });
      } finally {
        this.context.c.deleteTensor(tensor);
      }
    });
    return { specs, tensors };
  }

  /** Gives back a parcel that will not be sent. */
  discard({ tensors }: Parcel): void {
    for (const tensor of tensors) this.context.c.deleteTensor(tensor);
  }

  /** Sends a parcel, bucket by bucket in order. Shapes of the results: the parcel's own, or [size, ...] of a gather. */
  async run(collective: Collective, parcel: Parcel): Promise<Delivery> {
    const { context } = this;
    const results: (Pointer | undefined)[] = parcel.specs.map(() => undefined);
    const sent = context.queued(() =>
      buckets(parcel.specs).map((bucket, number) => ({
        bucket,
        pieces: this.send(collective, bucket, number, parcel),
      })),
    );
    this.discard(parcel);
    let failure: Error | undefined;
    for (const { bucket, pieces } of sent) {
      const [witness] = pieces;
      if (witness !== undefined && failure === undefined) {
        await context.whenComputed(collective.kind, witness).catch((error: unknown) => {
          failure = error instanceof Error ? error : new Error(String(error));
        });
      }
      bucket.positions.forEach((position, index) => {
        const piece = pieces[index];
        const spec = parcel.specs[position];
        if (piece === undefined || spec === undefined) throw new Error('internal: a bucket lost a tensor');
        if (failure === undefined) results[position] = this.unpack(piece, gathered(collective, spec, this.size));
        context.c.deleteHandle(piece);
      });
    }
    if (failure === undefined) return results;
    for (const result of results) if (result !== undefined) context.c.deleteTensor(result);
    throw failure;
  }

  /** Makes what waits for other members fail at once, now and later. */
  abort(reason: string): void {
    const { c } = this.context;
    const status = c.newStatus() as Pointer;
    c.setStatus(status, unavailable, reason);
    c.abortCollectives(this.context.pointer, status);
    c.deleteStatus(status);
  }

  /** TensorFlow cannot stop a server: its port stays open until the process ends. */
  close(): void {
    this.context.close();
  }

  /** Puts a bucket's ops into the queue: pack, move, take apart. */
  private send(collective: Collective, bucket: Bucket, number: number, { tensors }: Parcel): Pointer[] {
    const { c } = this.context;
    const length = bucket.sizes.reduce((sum, size) => sum + size, 0);
    const isReduction = collective.kind === 'reduce';
    const bits = isReduction ? bucket.dtype : (sameBits[bucket.dtype] ?? bucket.dtype);
    const isCast = !isReduction && cast.has(bits);
    const dtype = isCast ? 'int32' : bits;
    const temporary: Pointer[] = [];
    const hold = (handle: Pointer | undefined): Pointer => {
      if (handle === undefined) throw new Error('internal: an op of a collective gave nothing');
      temporary.push(handle);
      return handle;
    };
    try {
      const parts = bucket.positions.map((position, index) => {
        const shape = [bucket.sizes[index] ?? 0];
        const tensor = this.bitcast(tensors[position] as Pointer, { dtype: bits, shape });
        const handle = hold(c.newHandle(tensor, this.context.statusPointer) as Pointer);
        c.deleteTensor(tensor);
        return handle;
      });
      const packed = parts.length === 1 ? (parts[0] as Pointer) : hold(this.concatenate(parts, bits, hold));
      const carried = isCast ? hold(this.castTo(packed, bits, 'int32')) : packed;
      const moved = hold(this.move(collective, carried, { dtype, shape: [length] }, number, hold));
      const back = isCast ? hold(this.castTo(moved, 'int32', bits)) : moved;
      if (collective.kind !== 'gather') return this.split(back, bits, bucket.sizes, 0, hold);
      const rows = hold(this.reshape(back, bits, [this.size, length], hold));
      return this.split(rows, bits, bucket.sizes, 1, hold);
    } finally {
      for (const handle of temporary) c.deleteHandle(handle);
    }
  }

  private move(collective: Collective, input: Pointer, spec: Spec, number: number, hold: Hold): Pointer | undefined {
    const { c, setters } = this.context;
    const description = `${JSON.stringify(collective)} ${spec.dtype}[${spec.shape.join()}] ${number}`;
    const instance = this.keys.get(description) ?? this.keys.size + 1;
    this.keys.set(description, instance);
    const numbers = [this.size, 1, instance].map((value) => hold(this.integers(value)));
    const receives = collective.kind === 'broadcast' && collective.from !== this.index;
    const shape = receives ? [hold(this.integers([...spec.shape]))] : [];
    const [result] = this.context.execute(operation(collective, receives), 1, (op, status) => {
      for (const handle of receives ? [...numbers, ...shape] : [input, ...numbers]) c.addInput(op, handle, status);
      const text = (name: string, value: string): void => {
        setters.string(op, name, value, value.length);
      };
      setters.type(op, 'T', typeNumbers[spec.dtype]);
      if (receives) setters.type(op, 'Tshape', typeNumbers.int32);
      text('communication_hint', 'ring');
      setters.float(op, 'timeout_seconds', 0); // for any other value two threads of TensorFlow's sleep so long, for each call
      if (collective.kind === 'broadcast') return;
      setters.bool(op, 'is_stateless', 0);
      setters.int(op, 'Nordering_token', 0);
      if (collective.kind === 'gather') return;
      text('merge_op', 'Add');
      text('final_op', collective.reduction === 'mean' ? 'Div' : 'Id');
    });
    return result;
  }

  private concatenate(parts: readonly Pointer[], dtype: DType, hold: Hold): Pointer | undefined {
    const axis = hold(this.integers(0));
    return this.op('ConcatV2', [...parts, axis], { N: parts.length, T: dtype, Tidx: 'int32' });
  }

  private split(whole: Pointer, dtype: DType, sizes: readonly number[], axis: number, hold: Hold): Pointer[] {
    const inputs = [whole, hold(this.integers([...sizes])), hold(this.integers(axis))];
    return this.ops('SplitV', inputs, { num_split: sizes.length, T: dtype, Tlen: 'int32' }, sizes.length);
  }

  private reshape(input: Pointer, dtype: DType, shape: number[], hold: Hold): Pointer | undefined {
    return this.op('Reshape', [input, hold(this.integers(shape))], { T: dtype, Tshape: 'int32' });
  }

  private castTo(input: Pointer, from: DType, to: DType): Pointer | undefined {
    return this.op('Cast', [input], { SrcT: from, DstT: to });
  }

  private op(name: string, inputs: readonly Pointer[], attributes: Simple): Pointer | undefined {
    return this.ops(name, inputs, attributes, 1)[0];
  }

  private ops(name: string, inputs: readonly Pointer[], attributes: Simple, numOutputs: number): Pointer[] {
    const { context } = this;
    return context.execute(name, numOutputs, (op, status) => {
      for (const handle of inputs) context.c.addInput(op, handle, status);
      for (const [key, value] of Object.entries(attributes)) {
        if (typeof value === 'number') context.setters.int(op, key, value);
        else context.setters.type(op, key, typeNumbers[value]);
      }
    });
  }

  private integers(value: number | number[]): Pointer {
    const values = Array.isArray(value) ? value : [value];
    const shape = Array.isArray(value) ? [value.length] : [];
    return this.context.newHandle({ dtype: 'int32', shape }, Int32Array.from(values));
  }

  private resolve(handle: Pointer): Pointer {
    const { c, statusPointer } = this.context;
    const tensor = c.resolve(handle, statusPointer) as Pointer;
    this.context.check('reading a tensor');
    return tensor;
  }

  /** A result's memory with its own dtype and shape. */
  private unpack(piece: Pointer, spec: Spec): Pointer {
    const flat = this.resolve(piece);
    try {
      return this.bitcast(flat, spec);
    } finally {
      this.context.c.deleteTensor(flat);
    }
  }

  /** The same memory under another dtype and shape. */
  private bitcast(tensor: Pointer, { dtype, shape }: Spec): Pointer {
    const { c, statusPointer } = this.context;
    const result = c.allocateTensor(typeNumbers[dtype], [0], 1, 0) as Pointer;
    const dims = shape.length === 0 ? [0] : shape;
    c.bitcast(tensor, typeNumbers[dtype], result, dims, shape.length, statusPointer);
    this.context.check('TF_TensorBitcastFrom');
    return result;
  }
}

/** Keeps a handle until a bucket's ops are queued. */
type Hold = (handle: Pointer | undefined) => Pointer;

/** Attributes that are numbers or dtypes. */
type Simple = Readonly<Record<string, number | DType>>;

function operation({ kind }: Collective, receives: boolean): string {
  if (kind === 'reduce') return 'CollectiveReduceV2';
  if (kind === 'gather') return 'CollectiveGatherV2';
  return receives ? 'CollectiveBcastRecvV2' : 'CollectiveBcastSendV2';
}

/** What a collective makes of a tensor: a gather puts those of all members one after another along the first axis. */
export function gathered({ kind }: Collective, { dtype, shape }: Spec, size: number): Spec {
  if (kind !== 'gather') return { dtype, shape };
  const [first = 1, ...others] = shape;
  return { dtype, shape: [size * first, ...others] };
}
