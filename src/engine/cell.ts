/**
 * State that changes in place: a cell holds one tensor in the engine, in a TensorFlow resource variable or in the memory of a device.
 * Compiled functions read cells when they start and write them when they end. Parameters and optimizer states are trees of cells.
 */
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { binding, isNative, nativeLibrary, operationsDevice, tensorIds, wrapTensor } from './backend.js';
import { castAttributes } from './attributes.js';
import type { Pointer } from './capi.js';
import { sharded } from './mesh/sharding.js';
import type { Sharding } from './mesh/sharding.js';
import { CellHome } from './pjrt/cell-home.js';
import { type Device, flushDevices } from './pjrt/device.js';
import { activeRecorder, recording, type Recorder } from './recorder.js';
import { typedView } from './tensorflow/context.js';
import { type DType, formatSpec, type Spec } from './trace.js';

export interface CellOptions {
  /** Shown in errors and checkpoints, such as `layers.0.attention.query`. */
  readonly name?: string;
  /** What is stored; tfjs sees float32. Default: the tensor's own dtype, which is also all that tfjs's own backends store. */
  readonly storage?: 'float32' | 'bfloat16' | 'float16';
  /** How it is shared out over a mesh of devices. Default: every device has all of it. */
  readonly sharding?: Sharding;
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
export function cell(value: tf.Tensor, { name = 'cell', ...options }: CellOptions = {}): Cell {
  return new Cell(value, name, options);
}

/**
 * Where a cell's value is: on the device whose compiled functions use it, else in the resource variable (which is empty while the value
 * is on a device). Without libtensorflow it is always on a device, or, without a plugin too, in a tensor of tfjs.
 */
interface Place {
  readonly resource: Pointer | undefined;
  home: CellHome | undefined;
}

export class Cell {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly storage: DType;
  readonly sharding: Sharding;
  private readonly place: Place;
  /** Of another backend: the tensor itself. */
  private held: tf.Tensor | undefined;
  private disposed = false;

  constructor(
    value: tf.Tensor,
    readonly name: string,
    { storage, sharding = sharded() }: CellOptions = {},
  ) {
    this.sharding = sharding;
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
    const hasLibrary = nativeLibrary() !== undefined;
    this.place = { resource: hasLibrary ? newVariable(this.spec) : undefined, home: undefined };
    if (native) registry.register(this, this.place, this);
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
    if (this.held !== undefined) return this.held.clone();
    flushDevices();
    const id = this.readStored();
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
    const isPlain = this.held !== undefined || activeRecorder() !== undefined;
    if (isPlain) return this.read();
    flushDevices();
    return wrapTensor(this.readStored());
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
    if (!isNative()) {
      this.held?.dispose();
      this.held = tf.keep(value.clone());
      return;
    }
    const { resource, home } = this.place;
    if (resource !== undefined) binding.context.drain();
    flushDevices(); // calls that wait see the value before
    const [id] = tensorIds([value]);
    const stored = this.storage === this.dtype ? (id ?? 0) : this.cast(id ?? 0, this.storage);
    this.place.home = resource === undefined ? this.homeOf(stored, home?.device ?? operationsDevice()) : undefined;
    if (resource !== undefined) assign(resource, this.storage, binding.handleOf(stored));
    home?.release();
    if (stored !== id) binding.deleteTensor(stored);
  }

  /** A home on a device with the value of a tensor of the table, whose memory it shares. */
  private homeOf(id: number, device: Device): CellHome {
    const layout = device.layoutOf(this.spec, this.sharding);
    return CellHome.of(binding.onDevice(id, device, layout).retain());
  }

  /** The value's home on a device, for its programs: the value moves there if it is elsewhere, and stays. */
  homeOn(device: Device): CellHome {
    const { home, resource } = this.place;
    if (home?.device === device) return home;
    this.requireAlive();
    home?.device.flush();
    const id = this.readStored();
    const moved = this.homeOf(id, device);
    binding.deleteTensor(id);
    home?.release();
    this.place.home = moved;
    if (home === undefined && resource !== undefined) empty(resource, this.storage);
    return moved;
  }

  /** Moves the value back into the resource variable, for TensorFlow's programs. */
  leaveDevice(): void {
    flushDevices();
    const { home, resource } = this.place;
    if (home === undefined || resource === undefined) return;
    const id = this.readStored();
    assign(resource, this.storage, binding.handleOf(id));
    binding.deleteTensor(id);
    home.release();
    this.place.home = undefined;
  }

  /** The resource handle, for TensorFlow's programs; they see that the value is there (`leaveDevice`). */
  get resourceHandle(): Pointer {
    this.requireAlive();
    return this.place.resource ?? missing(this);
  }

  /** Where the value is: the name of a device, or `tensorflow`. */
  get device(): string {
    return this.place.home?.device.name ?? 'tensorflow';
  }

  /** Frees the memory. A cell that is garbage is freed too, later. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.held?.dispose();
    registry.unregister(this);
    release(this.place);
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

  /** The value as it is stored, as a tensor of the table that shares its memory. */
  private readStored(): number {
    const { home } = this.place;
    if (home !== undefined) return binding.addDevice(home.share());
    const resource = this.place.resource ?? missing(this);
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

/** A resource variable without a value. */
function newVariable({ dtype, shape }: Spec): Pointer | undefined {
  const { context } = binding;
  const [resource] = context.execute('VarHandleOp', 1, (op, status) => {
    context.c.opString(op, 'container', '', 0);
    context.c.opString(op, 'shared_name', anonymous, anonymous.length);
    context.c.opType(op, 'dtype', binding.dtypeNumber(dtype));
    context.c.opShape(op, 'shape', shape.length === 0 ? [0] : shape, shape.length, status);
  });
  return resource;
}

/** Gives a variable a value, whose memory it shares. */
function assign(resource: Pointer, dtype: DType, value: Pointer): void {
  const { context } = binding;
  const { c } = context;
  context.execute('AssignVariableOp', 0, (op, status) => {
    c.addInput(op, resource, status);
    c.addInput(op, value, status);
    c.opType(op, 'dtype', binding.dtypeNumber(dtype));
  });
}

/** Gives the variable's memory back: a tensor without elements takes the place of its value. */
function empty(resource: Pointer, dtype: DType): void {
  const nothing: Spec = { dtype, shape: [0] };
  const handle = binding.context.newHandle(nothing, typedView(new ArrayBuffer(0), nothing));
  assign(resource, dtype, handle);
  binding.context.c.deleteHandle(handle);
}

function release(place: Place): void {
  place.home?.release();
  place.home = undefined;
  if (place.resource !== undefined) binding.context.c.deleteHandle(place.resource);
}

const registry = new FinalizationRegistry<Place>(release);

function missing(cell: Cell): never {
  throw new Error(`internal: the cell ${cell.name} has no value`);
}
