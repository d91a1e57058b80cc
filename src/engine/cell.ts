/**
 * State that changes in place: a cell holds one tensor in the engine (a TensorFlow resource variable). Compiled functions read
 * cells when they start and write them when they end. Parameters and optimizer states are trees of cells.
 */
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { binding, isNative, tensorIds, wrapTensor } from './backend.js';
import { castAttributes } from './attributes.js';
import type { Pointer } from './capi.js';
import { activeRecorder, recording, type Recorder } from './recorder.js';
import { type DType, formatSpec, type Spec } from './trace.js';

export interface CellOptions {
  /** Shown in errors and checkpoints, such as `layers.0.attention.query`. */
  readonly name?: string;
  /** What is stored; tfjs sees float32. Default: the tensor's own dtype, which is also all that tfjs's own backends store. */
  readonly storage?: 'float32' | 'bfloat16' | 'float16';
}

/** TensorFlow's name for a variable that belongs to its handle alone and goes with it. */
const anonymous = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

/**
 * A cell with a copy of `value`.
 *
 * @example
 * const step = cell(tf.scalar(0, 'int32'));
 * step.write(tf.add(step.read(), 1));
 */
export function cell(value: tf.Tensor, { name = 'cell', storage }: CellOptions = {}): Cell {
  return new Cell(value, name, storage);
}

export class Cell {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly storage: DType;
  /** The resource variable on libtensorflow; elsewhere the tensor itself. */
  private resource: Pointer | undefined;
  private held: tf.Tensor | undefined;
  private disposed = false;

  constructor(
    value: tf.Tensor,
    readonly name: string,
    storage?: DType,
  ) {
    if (activeRecorder() !== undefined) {
      throw new TrainbookError({
        what: `cell: ${name} cannot be made inside a compiled function`,
        expected: 'cells that exist before the function is called',
        fix: 'make the cell outside and write to it inside',
      });
    }
    if (value.dtype !== 'float32' && value.dtype !== 'int32' && value.dtype !== 'bool') {
      throw new TrainbookError({
        what: `cell: ${name} cannot hold this dtype`,
        received: value.dtype,
        expected: 'float32, int32 or bool',
      });
    }
    this.shape = [...value.shape];
    this.dtype = value.dtype;
    const native = isNative();
    this.storage = value.dtype === 'float32' && native ? (storage ?? 'float32') : value.dtype;
    if (native) {
      const { context } = binding;
      const [resource] = context.execute('VarHandleOp', 1, (op, status) => {
        context.c.opString(op, 'container', '', 0);
        context.c.opString(op, 'shared_name', anonymous, anonymous.length);
        context.c.opType(op, 'dtype', binding.dtypeNumber(this.storage));
        context.c.opShape(op, 'shape', this.shape.length === 0 ? [0] : this.shape, this.shape.length, status);
      });
      this.resource = resource;
      registry.register(this, resource ?? 0n, this);
    }
    this.write(value);
  }

  /** What is stored, for targets. */
  get spec(): Spec {
    return { dtype: this.storage, shape: this.shape };
  }

  /** The value now; in a compiled function, the value at this point of it. */
  read(): tf.Tensor {
    this.requireAlive();
    const recorder = activeRecorder();
    if (recorder !== undefined) {
      const stored = cellUse(recorder, this).current;
      return wrapTensor(this.storage === this.dtype ? binding.aliasSymbol(stored) : this.cast(stored, this.dtype));
    }
    if (this.resource === undefined) return (this.held ?? missing(this)).clone();
    const id = this.readHandle(this.resource);
    if (this.storage === this.dtype) return wrapTensor(id);
    try {
      return wrapTensor(this.cast(id, this.dtype));
    } finally {
      binding.deleteTensor(id);
    }
  }

  /**
   * The value now, for later: as it is stored, with no cast (its `data()` are float32 none the less). Neither this nor `read` copies:
   * the numbers belong to both until the cell is written, which then leaves these as they are and takes memory of its own.
   */
  snapshot(): tf.Tensor {
    this.requireAlive();
    const isPlain = this.resource === undefined || activeRecorder() !== undefined;
    return isPlain ? this.read() : wrapTensor(this.readHandle(this.resourceHandle));
  }

  /** A copy of the value, once the calls queued so far are done. */
  async data(): Promise<Float32Array | Int32Array | Uint8Array> {
    const tensor = this.read();
    try {
      return await tensor.data();
    } finally {
      tensor.dispose();
    }
  }

  /** Replaces the value; the shape and dtype stay. */
  write(value: tf.Tensor): void {
    this.requireAlive();
    const received: Spec = { dtype: value.dtype, shape: value.shape };
    if (value.dtype !== this.dtype || value.shape.join() !== this.shape.join()) {
      throw new TrainbookError({
        what: `cell: the value written to ${this.name} does not fit`,
        received: formatSpec(received),
        expected: formatSpec({ dtype: this.dtype, shape: this.shape }),
      });
    }
    const recorder = activeRecorder();
    if (recorder !== undefined) {
      if (recorder.parent !== undefined) {
        throw new TrainbookError({
          what: `cell: ${this.name} cannot be written inside scan, call or remat`,
          fix: 'return the value from the body and write it outside',
        });
      }
      const use = cellUse(recorder, this);
      const [id] = tensorIds([value]);
      use.current =
        this.storage === this.dtype ? binding.aliasSymbol(id ?? 0, recorder) : this.cast(id ?? 0, this.storage);
      use.written = true;
      return;
    }
    if (this.resource === undefined) {
      this.held?.dispose();
      this.held = tf.keep(value.clone());
      return;
    }
    const { context } = binding;
    const { c } = context;
    context.drain();
    const { resource } = this;
    const [id] = tensorIds([value]);
    const stored = this.storage === this.dtype ? (id ?? 0) : this.cast(id ?? 0, this.storage);
    context.execute('AssignVariableOp', 0, (op, status) => {
      c.addInput(op, resource, status);
      c.addInput(op, binding.handleOf(stored), status);
      c.opType(op, 'dtype', binding.dtypeNumber(this.storage));
    });
    if (stored !== id) binding.deleteTensor(stored);
  }

  /** The resource handle, for targets. */
  get resourceHandle(): Pointer {
    this.requireAlive();
    return this.resource ?? missing(this);
  }

  /** Frees the memory. A cell that is garbage is freed too, later. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.held?.dispose();
    if (this.resource !== undefined) {
      registry.unregister(this);
      release(this.resource);
    }
  }

  /** @throws TrainbookError after `dispose`. */
  requireAlive(): void {
    if (this.disposed) {
      throw new TrainbookError({
        what: `cell: ${this.name} was disposed`,
        fix: 'use the cell before dispose(), or make another one',
      });
    }
  }

  private readHandle(resource: Pointer): number {
    const { context } = binding;
    const { c } = context;
    context.drain();
    const [handle] = context.execute('ReadVariableOp', 1, (op, status) => {
      c.addInput(op, resource, status);
      c.opType(op, 'dtype', binding.dtypeNumber(this.storage));
    });
    return binding.addHandle(handle ?? 0n, this.spec);
  }

  private cast(id: number, to: DType): number {
    const [result] = binding.run('Cast', [id], castAttributes(binding.specOf(id).dtype, to), 1);
    return result ?? missing(this);
  }
}

/** A cell's part in a trace: its input value, and its value at this point of the function. */
export interface CellUse {
  readonly input: number;
  /** Number in the tensor table. */
  current: number;
  written: boolean;
}

const uses = new WeakMap<Recorder, Map<Cell, CellUse>>();

/** The cells that a trace uses, in order of first use. */
export function cellsOf(recorder: Recorder): ReadonlyMap<Cell, CellUse> {
  return uses.get(recorder) ?? new Map<Cell, CellUse>();
}

/** Cells are inputs of the outermost trace; traces within capture them from it. */
function cellUse(recorder: Recorder, cell: Cell): CellUse {
  const outermost = recorder.outermost;
  let cells = uses.get(outermost);
  if (cells === undefined) uses.set(outermost, (cells = new Map<Cell, CellUse>()));
  let use = cells.get(cell);
  if (use === undefined) {
    const input = outermost.addInput(cell.spec);
    use = recording(outermost, () => ({ input, current: binding.addSymbol(outermost, input), written: false }));
    cells.set(cell, use);
  }
  return use;
}

function release(resource: Pointer): void {
  const { context } = binding;
  context.c.deleteHandle(resource);
}

const registry = new FinalizationRegistry<Pointer>(release);

function missing(cell: Cell): never {
  throw new Error(`internal: the cell ${cell.name} has no value`);
}
