import koffi from 'koffi';
import type { Api } from './api.js';
import { outputBuffer } from './buffer.js';
import type { PjrtBuffer } from './buffer.js';
import { compileOptions, platformFlags } from './compile-options.js';
import type { ProgramOptions } from './compile-options.js';
import { awaitEvent, destroyEvent } from './event.js';
import { Launch } from './launch.js';
import { Struct } from './struct.js';

/** Bytes that a program takes on a device, beside what it is given. */
export interface ProgramMemory {
  readonly code: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Of the outputs, what lies in the memory of inputs. */
  readonly aliased: number;
  readonly temporaries: number;
}

/** A compiled program, loaded on its devices. */
export class PjrtExecutable {
  private destroyed = false;
  private launches = new Map<number, Launch>();

  constructor(
    private readonly api: Api,
    private readonly handle: bigint,
    readonly numOutputs: number,
    private readonly donated: ReadonlySet<number>,
  ) {}

  /** Memory to call it with. */
  launch(numInputs: number, numDevices = 1): Launch {
    this.requireAlive();
    return new Launch(this.api, this.handle, { numDevices, numInputs, numOutputs: this.numOutputs });
  }

  /** Runs the program on one device and resolves when it is done. Inputs that it takes over (donated) cannot be used afterwards. */
  async execute(inputs: readonly PjrtBuffer[]): Promise<PjrtBuffer[]> {
    const { outputs, event } = this.start(inputs);
    await awaitEvent(this.api, event);
    return outputs;
  }

  /** As `execute`, but returns once the program is started; reading an output waits for it. */
  executeSync(inputs: readonly PjrtBuffer[]): PjrtBuffer[] {
    const { outputs, event } = this.start(inputs);
    destroyEvent(this.api, event);
    return outputs;
  }

  private start(inputs: readonly PjrtBuffer[]): { outputs: PjrtBuffer[]; event: number } {
    this.requireAlive();
    let launch = this.launches.get(inputs.length);
    if (launch === undefined) this.launches.set(inputs.length, (launch = this.launch(inputs.length)));
    for (const [index, input] of inputs.entries()) launch.setInput(index, input.pointer);
    const event = launch.run();
    for (const index of this.donated) inputs[index]?.donated();
    const pointers = Array.from({ length: this.numOutputs }, (_, index) => launch.output(index));
    return { outputs: pointers.map((pointer) => outputBuffer(this.api, pointer)), event };
  }

  /** The program after XLA's passes, as a serialised HloModuleProtoWithConfig: which collectives are in it, what was fused. */
  optimised(): Buffer {
    return this.unloaded((executable) => {
      const program = new Struct('PJRT_Program');
      const args = new Struct('PJRT_Executable_OptimizedProgram_Args')
        .set('executable', executable)
        .set('program', program);
      this.api.call('PJRT_Executable_OptimizedProgram', args); // asks for the size
      const code = Buffer.alloc(program.number('code_size'));
      program.set('code', code);
      this.api.call('PJRT_Executable_OptimizedProgram', args);
      return code;
    });
  }

  /** What it takes of a device's memory; undefined where the plugin does not say. */
  memory(): ProgramMemory | undefined {
    try {
      return this.unloaded((executable) => {
        const args = this.api.call(
          'PJRT_Executable_GetCompiledMemoryStats',
          new Struct('PJRT_Executable_GetCompiledMemoryStats_Args').set('executable', executable),
        );
        return {
          code: args.number('generated_code_size_in_bytes'),
          inputs: args.number('argument_size_in_bytes'),
          outputs: args.number('output_size_in_bytes'),
          aliased: args.number('alias_size_in_bytes'),
          temporaries: args.number('temp_size_in_bytes'),
        };
      });
    } catch {
      return undefined; // not every plugin has it
    }
  }

  /** The compiled program as bytes, which `loadProgram` takes: without compiling, on the same plugin and kind of device. */
  serialise(): Buffer {
    return this.unloaded((executable) => {
      const args = this.api.call(
        'PJRT_Executable_Serialize',
        new Struct('PJRT_Executable_Serialize_Args').set('executable', executable),
      );
      const size = args.number('serialized_bytes_size');
      const copy = Buffer.from(new Uint8Array(koffi.view(args.pointer('serialized_bytes'), size)));
      const free = koffi.decode(args.pointer('serialized_executable_deleter'), serialisedDeleter) as (
        of: bigint,
      ) => void;
      free(args.pointer('serialized_executable'));
      return copy;
    });
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.api.call(
      'PJRT_LoadedExecutable_Destroy',
      new Struct('PJRT_LoadedExecutable_Destroy_Args').set('executable', this.handle),
    );
  }

  private unloaded<R>(use: (executable: bigint) => R): R {
    this.requireAlive();
    return withExecutable(this.api, this.handle, use);
  }

  private requireAlive(): void {
    if (this.destroyed) throw new Error('pjrt: the executable was destroyed');
  }
}

const serialisedDeleter = koffi.proto('void PjrtSerialisedDeleter(void* executable)');

/** What a client compiles with. */
export interface Compiler {
  readonly api: Api;
  readonly client: bigint;
  readonly platform: string;
}

/** The serialised options with which a program is compiled: with its text, what decides of the result. */
export function optionsOf({ platform }: Compiler, options: ProgramOptions): Buffer {
  return compileOptions(options, { ...platformFlags[platform], ...options.flags });
}

/** Compiles StableHLO text off the JavaScript thread. */
export async function compileProgram(
  compiler: Compiler,
  text: string,
  options: ProgramOptions,
): Promise<PjrtExecutable> {
  const compiled = await compiler.api.callAsync('PJRT_Client_Compile', compileArgs(compiler, text, options));
  return loadedExecutable(compiler.api, compiled.pointer('executable'), options);
}

/** The same on this thread. */
export function compileProgramSync(compiler: Compiler, text: string, options: ProgramOptions): PjrtExecutable {
  const compiled = compiler.api.call('PJRT_Client_Compile', compileArgs(compiler, text, options));
  return loadedExecutable(compiler.api, compiled.pointer('executable'), options);
}

/** Loads what `serialise` gave. */
export function loadProgram(
  { api, client }: Compiler,
  serialised: Uint8Array,
  options: ProgramOptions,
): PjrtExecutable {
  const args = api.call(
    'PJRT_Executable_DeserializeAndLoad',
    new Struct('PJRT_Executable_DeserializeAndLoad_Args')
      .set('client', client)
      .set('serialized_executable', serialised)
      .set('serialized_executable_size', serialised.length),
  );
  return loadedExecutable(api, args.pointer('loaded_executable'), options);
}

function compileArgs(compiler: Compiler, text: string, options: ProgramOptions): Struct<'PJRT_Client_Compile_Args'> {
  const code = Buffer.from(text);
  const format = Buffer.from('mlir');
  const serialised = optionsOf(compiler, options);
  const program = new Struct('PJRT_Program')
    .set('code', code)
    .set('code_size', code.length)
    .set('format', format)
    .set('format_size', format.length);
  return new Struct('PJRT_Client_Compile_Args')
    .set('client', compiler.client)
    .set('program', program)
    .set('compile_options', serialised)
    .set('compile_options_size', serialised.length);
}

function loadedExecutable(api: Api, handle: bigint, { donated = [] }: ProgramOptions): PjrtExecutable {
  const numOutputs = withExecutable(api, handle, (executable) =>
    api
      .call('PJRT_Executable_NumOutputs', new Struct('PJRT_Executable_NumOutputs_Args').set('executable', executable))
      .number('num_outputs'),
  );
  return new PjrtExecutable(api, handle, numOutputs, new Set(donated));
}

function withExecutable<R>(api: Api, loaded: bigint, use: (executable: bigint) => R): R {
  const executable = api
    .call(
      'PJRT_LoadedExecutable_GetExecutable',
      new Struct('PJRT_LoadedExecutable_GetExecutable_Args').set('loaded_executable', loaded),
    )
    .pointer('executable');
  try {
    return use(executable);
  } finally {
    api.call('PJRT_Executable_Destroy', new Struct('PJRT_Executable_Destroy_Args').set('executable', executable));
  }
}
