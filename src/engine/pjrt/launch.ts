import type { Api, NativeFunction } from './api.js';
import { destroyEvent } from './event.js';
import { addressOf, readPointer, Struct, writePointer } from './struct.js';

/**
 * The memory in which a compiled program's arguments and outputs are handed over, made once and used at every call: pointers to buffers,
 * each two 32-bit words, for each of its devices. A call makes no objects.
 */
export class Launch {
  /** Pointers to the inputs, for each device: word 2i and 2i + 1 belong to input i. */
  readonly inputs: readonly Uint32Array[];
  /** Pointers to the outputs, as the last call left them. */
  readonly outputs: readonly Uint32Array[];
  private readonly events: Uint32Array;
  private readonly options: Struct<'PJRT_ExecuteOptions'>;
  private readonly args: Struct<'PJRT_LoadedExecutable_Execute_Args'>;
  private readonly native: NativeFunction;
  /** On all devices together. */
  private readonly numOutputs: number;
  private kept: BigInt64Array | undefined;

  constructor(
    private readonly api: Api,
    executable: bigint,
    { numDevices = 1, numInputs, numOutputs }: { numDevices?: number; numInputs: number; numOutputs: number },
  ) {
    const lists = (length: number): Uint32Array[] =>
      Array.from({ length: numDevices }, () => new Uint32Array(2 * Math.max(length, 1)));
    this.numOutputs = numDevices * numOutputs;
    this.inputs = lists(numInputs);
    this.outputs = lists(numOutputs);
    this.events = new Uint32Array(2 * numDevices);
    this.options = new Struct('PJRT_ExecuteOptions').sizedFor(api.version.minor);
    const addresses = (of: readonly Uint32Array[]): BigUint64Array => BigUint64Array.from(of, addressOf);
    this.args = new Struct('PJRT_LoadedExecutable_Execute_Args')
      .set('executable', executable)
      .set('options', this.options)
      .set('argument_lists', addresses(this.inputs))
      .set('num_devices', numDevices)
      .set('num_args', numInputs)
      .set('output_lists', addresses(this.outputs))
      .set('device_complete_events', this.events)
      .sizedFor(api.version.minor);
    this.native = api.native('PJRT_LoadedExecutable_Execute');
  }

  setInput(index: number, pointer: number, device = 0): void {
    const words = this.inputs[device];
    if (words !== undefined) writePointer(words, 2 * index, pointer);
  }

  output(index: number, device = 0): number {
    const words = this.outputs[device];
    return words === undefined ? 0 : readPointer(words, 2 * index);
  }

  /** Inputs that the next call leaves alone although the program could take them over. */
  keep(inputs: readonly number[]): void {
    if (inputs.length === 0 && this.kept === undefined) return;
    this.kept = inputs.length === 0 ? undefined : BigInt64Array.from(inputs, BigInt);
    this.options
      .set('non_donatable_input_indices', this.kept ?? 0)
      .set('num_non_donatable_input_indices', inputs.length);
  }

  /** Where the arguments of the native call lie, for a launcher; what it returned goes to `started`. */
  get address(): number {
    return this.args.address;
  }

  /** Starts the program on this thread. Gives the event of its end on the first device, which the caller frees. */
  run(): number {
    return this.started(this.native(this.args.address));
  }

  /** What holds after a call: outputs can be passed on before they are computed. Gives the event as `run`. */
  started(returned: number | bigint): number {
    this.api.check('PJRT_LoadedExecutable_Execute', returned);
    this.api.live.buffers += this.numOutputs;
    for (let device = 2; device < this.events.length; device += 2)
      destroyEvent(this.api, readPointer(this.events, device));
    return readPointer(this.events, 0);
  }
}
