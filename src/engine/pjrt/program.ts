import type * as tf from '@tensorflow/tfjs';
import { binding, tensorIds, wrapTensor } from '../backend.js';
import type { Cell } from '../cell.js';
import type { StatefulTrace } from '../compile.js';
import { stringsOnDevice } from '../host-data.js';
import { releaseMemory } from '../memory.js';
import { currentPrecision } from '../precision.js';
import { printStableHlo } from '../stablehlo/print.js';
import type { Layout } from '../mesh/layout.js';
import { specOf, type Spec } from '../trace.js';
import { collectivesOf } from './collectives.js';
import type { Collective } from './collectives.js';
import type { ProgramOptions } from './compile-options.js';
import type { Device } from './device.js';
import type { DeviceTensor } from './device-tensor.js';
import { destroyEvent } from './event.js';
import type { PjrtExecutable } from './executable.js';
import type { Launch } from './launch.js';

/** Functions of so many values leave much memory behind when they are compiled. */
const manyValues = 100;

/** A place of the program's inputs that a cell fills, and of its outputs that goes back into it. */
interface State {
  readonly cell: Cell;
  readonly input: number;
  readonly output: number | undefined;
}

/**
 * A stateful trace as a program of a device. State stays in the device's memory: what a step writes takes over the memory of what it
 * read (donation), unless somebody still holds that.
 */
export class PjrtProgram {
  private readonly states: readonly State[];
  private readonly results: readonly { readonly output: number; readonly spec: Spec; readonly layout: Layout }[];
  /** Of the inputs. */
  private readonly layouts: readonly Layout[];
  private readonly captured: readonly { readonly input: number; readonly tensor: DeviceTensor }[];
  private readonly text: string;
  private readonly options: ProgramOptions;
  private readonly numInputs: number;
  private readonly isLarge: boolean;
  private executable: PjrtExecutable | undefined;
  private launch: Launch | undefined;
  private compiling: Promise<void> | undefined;
  /** Inputs that the call now being started leaves alone, and buffers of state from before it. */
  private readonly kept: number[] = [];
  private readonly former: number[] = [];

  constructor(
    { trace, cells, captured }: StatefulTrace,
    readonly device: Device,
  ) {
    for (const value of trace.inputs) {
      const spec = specOf(trace, value);
      if (spec.dtype === 'string') throw stringsOnDevice(device.name, spec);
    }
    this.states = cells.map(({ cell, input, output }) => ({ cell, input, output }));
    const written = new Map(
      this.states.flatMap(({ input, output }) => (output === undefined ? [] : [[input, output]])),
    );
    const states = new Set(written.values());
    this.results = trace.outputs.flatMap((value, output) => {
      const spec = specOf(trace, value);
      return states.has(output) ? [] : [{ output, spec, layout: device.layoutOf(spec) }];
    });
    const cellAt = new Map(cells.map(({ cell, input }) => [input, cell]));
    this.layouts = trace.inputs.map((value, input) =>
      device.layoutOf(specOf(trace, value), cellAt.get(input)?.sharding),
    );
    this.captured = [...captured].map(([input, id]) => ({ input, tensor: this.onDevice(id, input) }));
    const outputs = new Map(this.results.map(({ output, layout }) => [output, layout]));
    for (const [input, output] of written) outputs.set(output, this.layoutAt(input));
    const { grid, places } = device;
    const sharded =
      grid.size === 1
        ? undefined
        : {
            numDevices: grid.size,
            inputs: this.layouts,
            outputs: trace.outputs.map((_, output) => outputs.get(output) ?? missing()),
          };
    const products = currentPrecision() === 'tf32' ? 'tf32' : 'float32';
    this.text = printStableHlo(trace, { donated: written, sharded, products });
    this.options = {
      donated: written.keys(),
      partitions: grid.size,
      devices: places.map(({ id }) => id),
      flags: device.flags,
    };
    this.numInputs = trace.inputs.length;
    this.isLarge = trace.values.length >= manyValues;
  }

  /** One call, blocking; it comes after those that are queued. */
  run(args: readonly tf.Tensor[]): tf.Tensor[] {
    const held = this.hold(args);
    try {
      this.device.flush();
      this.compileNow();
      destroyEvent(this.device.functions, this.begin(held).run());
      return this.end().map(wrapped);
    } finally {
      for (const tensor of held) tensor.release();
    }
  }

  /** One call in the queue. Its arguments are copied to the device now, while calls before it run. */
  async enqueue(args: readonly tf.Tensor[]): Promise<tf.Tensor[]> {
    const held = this.hold(args);
    let made: DeviceTensor[] = [];
    try {
      await this.device.submit({
        ready: () => this.ready(),
        compileNow: () => {
          this.compileNow();
        },
        begin: () => this.begin(held),
        end: () => {
          made = this.end();
        },
      });
    } catch (error) {
      for (const output of made) output.release();
      throw error;
    } finally {
      for (const tensor of held) tensor.release();
    }
    return made.map(wrapped);
  }

  private hold(args: readonly tf.Tensor[]): DeviceTensor[] {
    for (const { cell } of this.states) cell.requireAlive();
    return tensorIds(args).map((id, input) => this.onDevice(id, input));
  }

  private onDevice(id: number, input: number): DeviceTensor {
    return binding.onDevice(id, this.device, this.layoutAt(input)).retain();
  }

  private layoutAt(input: number): Layout {
    return this.layouts[input] ?? missing();
  }

  /** Hands over the arguments. The hot path: no objects are made for state. */
  private begin(args: readonly DeviceTensor[]): Launch {
    const { device, launch, states, kept } = this;
    if (launch === undefined) throw new Error('internal: the program is not compiled');
    kept.length = 0;
    for (const { cell, input, output } of states) {
      const home = cell.homeOn(device);
      const { pointers } = home;
      for (let place = 0; place < pointers.length; place++) launch.setInput(input, pointers[place] ?? 0, place);
      if (output !== undefined && home.isShared) kept.push(input);
    }
    for (const [input, tensor] of args.entries()) this.hand(launch, input, tensor);
    launch.keep(kept);
    return launch;
  }

  private hand(launch: Launch, input: number, tensor: DeviceTensor): void {
    for (let place = 0; place < this.device.places.length; place++)
      launch.setInput(input, tensor.pointer(place), place);
  }

  /** Takes what the call makes, while the device computes it: state goes back into its cells, the rest is given. */
  private end(): DeviceTensor[] {
    const { device, launch, states, former } = this;
    if (launch === undefined) throw new Error('internal: the program is not compiled');
    former.length = 0;
    for (const { cell, output } of states) {
      if (output !== undefined) cell.homeOn(device).exchange(launch, output, former);
    }
    device.destroyBuffers(former);
    return this.results.map(({ output, spec, layout }) => {
      const pointers = device.places.map((_, place) => launch.output(output, place));
      return device.adopt(pointers, spec, layout);
    });
  }

  private ready(): Promise<void> | undefined {
    if (this.launch !== undefined || this.find()) return undefined;
    this.compiling ??= this.compile().finally(() => {
      this.compiling = undefined;
    });
    return this.compiling;
  }

  private async compile(): Promise<void> {
    const executable = await this.device.client.compile(this.text, this.options);
    if (this.launch === undefined) this.loaded(executable, true);
    else executable.destroy(); // a call that could not wait was first
  }

  private compileNow(): void {
    if (this.launch !== undefined || this.find()) return;
    this.loaded(this.device.client.compileSync(this.text, this.options), true);
  }

  /** Takes the program from the cache on disk, if it is there. */
  private find(): boolean {
    if (this.compiling !== undefined) return false;
    const found = this.device.cache?.find(this.device.client, this.text, this.options);
    if (found === undefined) return false;
    this.loaded(found, false);
    return true;
  }

  private loaded(executable: PjrtExecutable, isNew: boolean): void {
    const { device, text, options } = this;
    this.executable = executable;
    unused.register(this, executable);
    if (isNew) device.cache?.keep(device.client, text, options, executable);
    const launch = executable.launch(this.numInputs, device.places.length);
    for (const { input, tensor } of this.captured) this.hand(launch, input, tensor);
    this.launch = launch;
    if (this.isLarge) releaseMemory();
  }

  /** What it takes of the device's memory, once it is compiled. */
  memory(): ReturnType<PjrtExecutable['memory']> {
    return this.executable?.memory();
  }

  /** What crosses the mesh at each call. Compiles, if it is not compiled yet. */
  async communication(): Promise<readonly Collective[]> {
    await this.ready();
    return this.executable === undefined ? [] : collectivesOf(this.executable.optimised());
  }
}

/** A function that is garbage gives its program back. */
const unused = new FinalizationRegistry<PjrtExecutable>((executable) => {
  executable.destroy();
});

const wrapped = (tensor: DeviceTensor): tf.Tensor => wrapTensor(binding.addDevice(tensor));

function missing(): never {
  throw new Error('internal: a value of the program has no layout');
}
