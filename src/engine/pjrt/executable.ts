import type { Api } from './api.js';
import { outputBuffer } from './buffer.js';
import type { PjrtBuffer } from './buffer.js';
import { addressOf, Struct } from './struct.js';

/** A field of a protocol buffer that holds bytes: tag, length (below 128), content. */
const field = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
/** A field that holds a number below 128. */
const varint = (number: number, value: number): Buffer => Buffer.from([number << 3, value]);

/**
 * CompileOptionsProto of XLA: executable_build_options (3) with num_replicas (4) and num_partitions (5) of 1;
 * env_option_overrides (7), a map from a flag's name (1) to its value (2), a bool (2).
 */
function compileOptions(flags: Readonly<Record<string, boolean>>): Buffer {
  const overrides = Object.entries(flags).map(([name, value]) =>
    field(7, Buffer.concat([field(1, Buffer.from(name)), field(2, varint(2, Number(value)))])),
  );
  return Buffer.concat([field(3, Buffer.concat([varint(4, 1), varint(5, 1)])), ...overrides]);
}

/** XLA's CPU compiler loses NaNs in minimum and maximum unless it is told not to. */
const cpuFlags = { xla_cpu_enable_fast_min_max: false };

/** A compiled program on one device. */
export class PjrtExecutable {
  private destroyed = false;

  constructor(
    private readonly api: Api,
    private readonly handle: bigint,
    readonly numOutputs: number,
    private readonly donated: ReadonlySet<number>,
  ) {}

  /**
   * Runs the program off the JavaScript thread. Inputs that it takes over (donated) cannot be used afterwards. Calls that
   * depend on each other are awaited one by one.
   */
  async execute(inputs: readonly PjrtBuffer[]): Promise<PjrtBuffer[]> {
    const { args, outputs } = this.prepare(inputs);
    await this.api.callAsync('PJRT_LoadedExecutable_Execute', args);
    return this.finish(inputs, outputs);
  }

  /** As `execute`, but returns once the program is started (GPU, TPU) or done (CPU); reading an output waits for it. */
  executeSync(inputs: readonly PjrtBuffer[]): PjrtBuffer[] {
    const { args, outputs } = this.prepare(inputs);
    this.api.call('PJRT_LoadedExecutable_Execute', args);
    return this.finish(inputs, outputs);
  }

  private prepare(inputs: readonly PjrtBuffer[]): {
    args: Struct<'PJRT_LoadedExecutable_Execute_Args'>;
    outputs: BigUint64Array;
  } {
    if (this.destroyed) throw new Error('pjrt: the executable was destroyed');
    const pointers = BigUint64Array.from(inputs, (input) => input.pointer);
    const outputs = new BigUint64Array(Math.max(this.numOutputs, 1));
    const args = new Struct('PJRT_LoadedExecutable_Execute_Args')
      .set('executable', this.handle)
      .set('options', new Struct('PJRT_ExecuteOptions'))
      .set('argument_lists', BigUint64Array.of(inputs.length === 0 ? 0n : addressOf(pointers)))
      .set('num_devices', 1)
      .set('num_args', inputs.length)
      .set('output_lists', BigUint64Array.of(addressOf(outputs)))
      .keep(pointers, outputs);
    return { args, outputs };
  }

  private finish(inputs: readonly PjrtBuffer[], outputs: BigUint64Array): PjrtBuffer[] {
    for (const index of this.donated) inputs[index]?.donated();
    return Array.from(outputs.subarray(0, this.numOutputs), (pointer) => outputBuffer(this.api, pointer));
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.api.call(
      'PJRT_LoadedExecutable_Destroy',
      new Struct('PJRT_LoadedExecutable_Destroy_Args').set('executable', this.handle),
    );
  }
}

/** Compiles StableHLO text off the JavaScript thread. `donated` are the inputs that the program takes over. */
export async function compileProgram(
  api: Api,
  client: bigint,
  platform: string,
  text: string,
  donated: ReadonlySet<number>,
): Promise<PjrtExecutable> {
  const code = Buffer.from(text);
  const format = Buffer.from('mlir');
  const options = compileOptions(platform === 'cpu' ? cpuFlags : {});
  const program = new Struct('PJRT_Program')
    .set('code', code)
    .set('code_size', code.length)
    .set('format', format)
    .set('format_size', format.length);
  const compiled = await api.callAsync(
    'PJRT_Client_Compile',
    new Struct('PJRT_Client_Compile_Args')
      .set('client', client)
      .set('program', program)
      .set('compile_options', options)
      .set('compile_options_size', options.length),
  );
  const handle = compiled.pointer('executable');
  return new PjrtExecutable(api, handle, numOutputs(api, handle), donated);
}

function numOutputs(api: Api, handle: bigint): number {
  const executable = api
    .call(
      'PJRT_LoadedExecutable_GetExecutable',
      new Struct('PJRT_LoadedExecutable_GetExecutable_Args').set('loaded_executable', handle),
    )
    .pointer('executable');
  try {
    return api
      .call('PJRT_Executable_NumOutputs', new Struct('PJRT_Executable_NumOutputs_Args').set('executable', executable))
      .number('num_outputs');
  } finally {
    api.call('PJRT_Executable_Destroy', new Struct('PJRT_Executable_Destroy_Args').set('executable', executable));
  }
}
