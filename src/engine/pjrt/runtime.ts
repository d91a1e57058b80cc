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
import { compileProgram } from './executable.js';
import type { PjrtExecutable } from './executable.js';
import { layout } from './layout.js';
import { Struct } from './struct.js';

/** What a plugin lets one say about its client, such as `{ cpu_device_count: 8 }`. Whole numbers go in as int64. */
export type ClientOptions = Readonly<Record<string, string | number | bigint | boolean>>;

/** A device of the client: a core complex, a GPU, a TPU chip. */
export interface PjrtDevice {
  readonly id: number;
  readonly kind: string;
  readonly pointer: bigint;
}

/** A plugin at work: its devices, programs compiled for them, tensors in their memory. */
export class PjrtClient {
  private constructor(
    private readonly api: Api,
    private handle: bigint,
    readonly platform: string,
    readonly platformVersion: string,
    readonly devices: readonly PjrtDevice[],
  ) {}

  /**
   * Loads the plugin at `path` and makes a client of it.
   *
   * @example
   * const client = PjrtClient.create(await installCpuPlugin(), { cpu_device_count: 1 });
   */
  static create(path: string, options: ClientOptions = {}): PjrtClient {
    const api = loadApi(path);
    const named = Object.entries(options).map(([name, value]) => namedValue(name, value));
    const args = new Struct('PJRT_Client_Create_Args');
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
    return new PjrtClient(api, handle, platform, version, readDevices(api, handle));
  }

  /** The version of the PJRT API that the plugin speaks. */
  get apiVersion(): { readonly major: number; readonly minor: number } {
    return this.api.version;
  }

  /** Compiles a StableHLO program for the first device. `donated`: the inputs whose memory the program takes over. */
  async compile(text: string, donated: Iterable<number> = []): Promise<PjrtExecutable> {
    return compileProgram(this.api, this.pointer, this.platform, text, new Set(donated));
  }

  /** Copies a tensor to a device. */
  put(spec: Spec, elements: Elements, device = this.devices[0]): PjrtBuffer {
    if (device === undefined) throw new Error('pjrt: the client has no device');
    return bufferFromHost(this.api, this.pointer, device.pointer, spec, elements);
  }

  /** Ends the client. Its buffers and executables are destroyed before. */
  destroy(): void {
    if (this.handle === 0n) return;
    this.api.call('PJRT_Client_Destroy', new Struct('PJRT_Client_Destroy_Args').set('client', this.handle));
    this.handle = 0n;
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

function namedValue(name: string, value: string | number | bigint | boolean): Struct<'PJRT_NamedValue'> {
  const nameBytes = Buffer.from(name);
  const option = new Struct('PJRT_NamedValue').set('name', nameBytes).set('name_size', nameBytes.length);
  const { namedValueTypes } = layout;
  switch (typeof value) {
    case 'string': {
      const text = Buffer.from(value);
      return option.set('type', namedValueTypes.string).set('string_value', text).set('value_size', text.length);
    }
    case 'boolean':
      return option.set('type', namedValueTypes.bool).set('bool_value', value).set('value_size', 1);
    case 'bigint':
      return option.set('type', namedValueTypes.int64).set('int64_value', value).set('value_size', 1);
    case 'number':
      return Number.isInteger(value)
        ? option.set('type', namedValueTypes.int64).set('int64_value', value).set('value_size', 1)
        : option.set('type', namedValueTypes.float).setFloat('float_value', value).set('value_size', 1);
  }
}
