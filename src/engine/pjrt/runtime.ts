/**
 * The PJRT runtime: StableHLO programs on a device of a plugin (CPU, CUDA, TPU), from Node, without TensorFlow.
 * PJRT is OpenXLA's C API for devices (openxla.org/xla/pjrt); a plugin is a shared library that implements it.
 */
import koffi from 'koffi';
import type { Elements, Spec } from '../trace.js';
import { loadApi } from './api.js';
import type { Api } from './api.js';
import { bufferFromHost } from './buffer.js';
import type { PjrtBuffer } from './buffer.js';
import { namedValues } from './client-options.js';
import type { ClientOptions } from './client-options.js';
import type { ProgramOptions } from './compile-options.js';
import { compileProgram, compileProgramSync, loadProgram, optionsOf } from './executable.js';
import type { Compiler, PjrtExecutable } from './executable.js';
import { Struct } from './struct.js';

export type { ClientOptions };

/** A device of the client: a core complex, a GPU, a TPU chip. */
export interface PjrtDevice {
  readonly id: number;
  /** Such as `cpu`, `NVIDIA H200`, `TPU v5p`. */
  readonly kind: string;
  readonly pointer: bigint;
}

/** What a device's allocator says, in bytes. */
export interface DeviceMemory {
  readonly inUse: number;
  readonly peakInUse?: number;
  /** The most that can be in use. */
  readonly limit?: number;
}

/** A plugin at work: its devices, programs compiled for them, tensors in their memory. */
export class PjrtClient {
  private transfers: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly api: Api,
    private handle: bigint,
    /** Such as `cpu`, `cuda`, `tpu`. */
    readonly platform: string,
    readonly platformVersion: string,
    readonly devices: readonly PjrtDevice[],
  ) {}

  /**
   * Loads the plugin at `path` and makes a client of it.
   *
   * @throws TrainbookError (`PjrtError`) if the plugin finds no device, or no driver, or does not know an option.
   * @example
   * const client = PjrtClient.create(await installCpuPlugin(), { cpu_device_count: 1 });
   */
  static create(path: string, options: ClientOptions = {}): PjrtClient {
    const api = loadApi(path);
    const args = new Struct('PJRT_Client_Create_Args');
    const named = namedValues(options);
    if (named.length > 0) {
      args
        .set('create_options', Buffer.concat(named.map(({ bytes }) => bytes)))
        .set('num_options', named.length)
        .keep(named);
    }
    const handle = api.call('PJRT_Client_Create', args).pointer('client');
    const platform = api
      .call('PJRT_Client_PlatformName', new Struct('PJRT_Client_PlatformName_Args').set('client', handle))
      .text('platform_name', 'platform_name_size');
    const version = api
      .call('PJRT_Client_PlatformVersion', new Struct('PJRT_Client_PlatformVersion_Args').set('client', handle))
      .text('platform_version', 'platform_version_size');
    return new PjrtClient(api, handle, platform.toLowerCase(), version, readDevices(api, handle));
  }

  /** The version of the PJRT API that the plugin speaks. */
  get apiVersion(): { readonly major: number; readonly minor: number } {
    return this.api.version;
  }

  /** The plugin's file. */
  get path(): string {
    return this.api.path;
  }

  /** Buffers of the plugin that were made and not freed yet. */
  get numBuffers(): number {
    return this.api.live.buffers;
  }

  /** The functions of the plugin, for what has no method here. */
  get functions(): Api {
    return this.api;
  }

  /** Compiles a StableHLO program, off the JavaScript thread; for the first device, if the options do not say otherwise. */
  async compile(text: string, options: ProgramOptions = {}): Promise<PjrtExecutable> {
    return compileProgram(this.compiler, text, options);
  }

  /** As `compile`, on this thread. */
  compileSync(text: string, options: ProgramOptions = {}): PjrtExecutable {
    return compileProgramSync(this.compiler, text, options);
  }

  /** Loads what `PjrtExecutable.serialise` gave. */
  load(serialised: Uint8Array, options: ProgramOptions = {}): PjrtExecutable {
    return loadProgram(this.compiler, serialised, options);
  }

  /** The serialised options that a program is compiled with. */
  options(options: ProgramOptions): Buffer {
    return optionsOf(this.compiler, options);
  }

  /** Copies a tensor to a device. */
  put(spec: Spec, elements: Elements, device = this.devices[0]): PjrtBuffer {
    if (device === undefined) throw new Error('pjrt: the client has no device');
    const { buffer, transfer } = bufferFromHost(this.api, this.pointer, device.pointer, { spec, elements });
    if (transfer !== undefined) this.transfers = Promise.all([this.transfers, transfer]);
    return buffer;
  }

  /** Resolves when no copy reads memory of the host any more. */
  async transferred(): Promise<void> {
    await this.transfers;
  }

  /** What a device's memory holds; undefined where the plugin does not say (the CPU's). */
  memory(device: PjrtDevice): DeviceMemory | undefined {
    try {
      const args = this.api.call(
        'PJRT_Device_MemoryStats',
        new Struct('PJRT_Device_MemoryStats_Args').set('device', device.pointer),
      );
      return {
        inUse: args.number('bytes_in_use'),
        ...(args.number('peak_bytes_in_use_is_set') !== 0 && { peakInUse: args.number('peak_bytes_in_use') }),
        ...(args.number('bytes_limit_is_set') !== 0 && { limit: args.number('bytes_limit') }),
      };
    } catch {
      return undefined; // unimplemented
    }
  }

  /** Ends the client. Its buffers and executables are destroyed before. */
  destroy(): void {
    if (this.handle === 0n) return;
    this.api.call('PJRT_Client_Destroy', new Struct('PJRT_Client_Destroy_Args').set('client', this.handle));
    this.handle = 0n;
  }

  private get compiler(): Compiler {
    return { api: this.api, client: this.pointer, platform: this.platform };
  }

  private get pointer(): bigint {
    if (this.handle === 0n) throw new Error('pjrt: the client was destroyed');
    return this.handle;
  }
}

function readDevices(api: Api, client: bigint): PjrtDevice[] {
  const args = api.call(
    'PJRT_Client_AddressableDevices',
    new Struct('PJRT_Client_AddressableDevices_Args').set('client', client),
  );
  const count = args.number('num_addressable_devices');
  if (count === 0) return [];
  const pointers = new BigUint64Array(koffi.view(args.pointer('addressable_devices'), count * 8));
  return Array.from(pointers, (pointer) => {
    const description = api
      .call('PJRT_Device_GetDescription', new Struct('PJRT_Device_GetDescription_Args').set('device', pointer))
      .pointer('device_description');
    const id = api
      .call(
        'PJRT_DeviceDescription_Id',
        new Struct('PJRT_DeviceDescription_Id_Args').set('device_description', description),
      )
      .number('id');
    const kind = api
      .call(
        'PJRT_DeviceDescription_Kind',
        new Struct('PJRT_DeviceDescription_Kind_Args').set('device_description', description),
      )
      .text('device_kind', 'device_kind_size');
    return { id, kind, pointer };
  });
}
