/** Where compiled functions run: by TensorFlow's library, or on a device of a PJRT plugin. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { surroundings } from './library.js';
import { Grid } from './mesh/grid.js';
import { gridOf } from './mesh/mesh.js';
import type { MeshName } from './mesh/mesh.js';
import { optionsOfEnvironment } from './pjrt/client-options.js';
import { Device } from './pjrt/device.js';
import { ExecutableCache } from './pjrt/executable-cache.js';
import { cudaFolder, findPlugin, requirePlugin } from './pjrt/find-plugin.js';
import { PjrtClient } from './pjrt/runtime.js';

/**
 * The name of a device: `tensorflow` for the library that runs eager operations, else a platform and a number, such as `cuda:0`, or how its
 * devices are arranged in a mesh, such as `cuda:data=2,tensor=4` (`mesh` writes it).
 */
export type DeviceName = 'tensorflow' | `${string}:${number}` | MeshName;

/** `auto` takes the first GPU or TPU whose plugin is installed, and TensorFlow where there is none. */
export type DeviceChoice = DeviceName | 'auto';

export interface DeviceOptions {
  /** What is taken, with a warning, where the device cannot be opened. Default: an error says why it cannot. */
  readonly otherwise?: DeviceChoice;
}

let chosen: DeviceName | undefined;
const scope = new AsyncLocalStorage<DeviceName>();

/** Where nothing else is said: the library that runs eager operations, or the device that does where there is no library. */
let usual: DeviceName = 'tensorflow';

/** The device in force: what `withDevice` or `setDevice` said, else the variable TRAINBOOK_DEVICE, else where eager operations run. */
export function currentDevice(): DeviceName {
  return scope.getStore() ?? chosen ?? namedByEnvironment() ?? usual;
}

let named: { readonly device: DeviceName | undefined } | undefined;

function namedByEnvironment(): DeviceName | undefined {
  named ??= { device: parseDevice(process.env['TRAINBOOK_DEVICE'] ?? '') };
  return named.device;
}

/**
 * The device that runs everything where there is no libtensorflow: the one of TRAINBOOK_DEVICE (of a mesh the first), else the first GPU or
 * TPU, else the processor, where their plugins are. Undefined where there is no plugin.
 *
 * @throws TrainbookError where the device that TRAINBOOK_DEVICE names cannot be opened.
 */
export function openInPlaceOfLibrary(): Device | undefined {
  const asked = namedByEnvironment() ?? 'tensorflow';
  const found = asked === 'tensorflow' ? resolveDevice('auto') : asked;
  const isThere = found !== 'tensorflow' || findPlugin('cpu') !== undefined;
  if (!isThere) return undefined;
  const name = found === 'tensorflow' ? 'cpu:0' : firstOf(found);
  const device = openDevice(name);
  usual = name;
  return device;
}

/** `cuda:4` of the mesh `cuda:data=2,first=4`. */
function firstOf(name: DeviceName): DeviceName {
  const [platform = ''] = name.split(':');
  return isMesh(name) ? `${platform}:${gridOf(name).choices.first ?? 0}` : name;
}

/**
 * Makes compiled functions run on a device from now on, and gives its name. It is opened at once, so that what is missing is told here.
 * State moves there when a compiled function uses it, and stays.
 *
 * @throws TrainbookError without the plugin, the driver or the device, unless `otherwise` says what to take then.
 * @example
 * setDevice('tensorflow'); // or 'cuda:0', 'cpu:0', 'auto'
 */
export function setDevice(choice: DeviceChoice, options: DeviceOptions = {}): DeviceName {
  chosen = opened(choice, options);
  return chosen;
}

/**
 * Runs `fn` with another device in force, also after what it awaits. Other code that runs meanwhile keeps its own.
 *
 * @throws TrainbookError without the plugin, the driver or the device, unless `otherwise` says what to take then.
 * @example
 * const double = compile((x: tf.Tensor) => tf.mul(x, 2));
 * const y = await withDevice('tensorflow', () => double(tf.tensor([1, 2])));
 */
export function withDevice<Result>(choice: DeviceChoice, fn: () => Result, options: DeviceOptions = {}): Result {
  return scope.run(opened(choice, options), fn);
}

function opened(choice: DeviceChoice, { otherwise }: DeviceOptions): DeviceName {
  try {
    let name = resolveDevice(choice);
    if (name === 'tensorflow') {
      tf.backend(); // where there is no library, it opens a device in its place
      name = resolveDevice(choice);
    }
    if (name !== 'tensorflow') openDevice(name);
    return name;
  } catch (error) {
    if (otherwise === undefined || !(error instanceof TrainbookError)) throw error;
    console.warn(`${error.message}\n  As was asked for, ${otherwise} is taken in place of ${choice}.`);
    return opened(otherwise, {});
  }
}

/** Where a device of a platform shows itself before its plugin is loaded. */
const accelerators: readonly { readonly platform: string; readonly paths: readonly string[] }[] = [
  { platform: 'cuda', paths: ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dxg'] },
  { platform: 'tpu', paths: ['/dev/accel0', '/dev/vfio/0'] },
];

/** The name that `auto` stands for; other names are checked. */
export function resolveDevice(choice: DeviceChoice): DeviceName {
  if (choice === 'auto') {
    automatic ??= firstAccelerator();
    return automatic === 'tensorflow' ? usual : automatic;
  }
  const name = parseDevice(choice) ?? usual;
  if (name === 'tensorflow' && usual !== 'tensorflow') throw noLibrary();
  return name;
}

function noLibrary(): TrainbookError {
  return new TrainbookError({
    what: "device: 'tensorflow' is not there; this process runs without libtensorflow",
    received: 'tensorflow',
    expected: `${usual}, which runs everything here`,
    fix: 'npx trainbook setup fetches libtensorflow',
  });
}

let automatic: DeviceName | undefined;

function firstAccelerator(): DeviceName {
  for (const { platform, paths } of accelerators) {
    const isThere = paths.some((path) => existsSync(path));
    if (!isThere || findPlugin(platform) === undefined) continue;
    const name = `${platform}:0` as const;
    try {
      openDevice(name);
      return name;
    } catch (error) {
      if (!(error instanceof TrainbookError)) throw error;
      console.warn(`${error.message}\n  TensorFlow computes on the processor instead.`);
    }
  }
  return 'tensorflow';
}

/**
 * The device that a text names; undefined for an empty one.
 *
 * @throws TrainbookError for anything that is no name of a device.
 */
export function parseDevice(text: string): DeviceName | undefined {
  if (text === '') return undefined;
  if (text === 'auto') return resolveDevice('auto');
  if (text === 'tensorflow' || isNumbered(text)) return text;
  if (isMesh(text)) {
    gridOf(text); // or it says what is wrong
    return text;
  }
  const numbered = /^[a-z][a-z0-9_-]*$/.test(text) ? `${text}:0` : undefined;
  throw new TrainbookError({
    what: 'device: this is no name of a device',
    received: text,
    expected:
      "'tensorflow', 'auto', a platform and a number, such as 'cuda:0', 'cpu:3', 'tpu:0', or a mesh, such as 'cuda:data=2,tensor=4'",
    fix: numbered === undefined ? 'npx trainbook doctor lists the devices' : `write ${numbered}`,
  });
}

const isNumbered = (text: string): text is `${string}:${number}` => /^[a-z][a-z0-9_-]*:\d+$/.test(text);

const isMesh = (text: string): text is MeshName => /^[a-z][a-z0-9_-]*:[^:]*=\d+$/.test(text);

/** Into so many devices the processor is divided, where nothing else is said: enough to try a mesh. They share its cores. */
const usualParts = 8;

const clients = new Map<string, PjrtClient>();
const devices = new Map<string, Device>();

/**
 * A device of a plugin. A platform's client is made once in a process, with the options of the environment; that of `cpu` with eight
 * devices, or as many as the first name needs.
 *
 * @throws TrainbookError without the plugin, the driver or the device.
 */
export function openDevice(name: DeviceName): Device {
  const known = devices.get(name);
  if (known !== undefined) return known;
  const [platform = '', text = ''] = name.split(':');
  const grid = isMesh(name) ? gridOf(name) : new Grid();
  const first = isMesh(name) ? (grid.choices.first ?? 0) : Number(text);
  const client = clients.get(platform) ?? openClient(platform, Math.max(first + grid.size, usualParts));
  const places = client.devices.slice(first, first + grid.size);
  if (places.length < grid.size) throw noSuchDevice(name, grid, client);
  const device = new Device(name, client, places, ownTools(client), executables(), grid);
  devices.set(name, device);
  return device;
}

/** The devices that were opened. */
export function openDevices(): readonly Device[] {
  return [...devices.values()];
}

/** What a device is, for people and for records. */
export interface DeviceInfo {
  readonly name: string;
  /** Such as `NVIDIA H200`. */
  readonly kind: string;
  readonly plugin: string;
  /** The version of the PJRT API that the plugin speaks, such as `0.116`, and what it says of itself. */
  readonly version: string;
}

/** What is known of a device that was opened. */
export function deviceInfo({ name, places, client }: Device): DeviceInfo {
  const { apiVersion, platform, platformVersion, path } = client;
  const own = platformVersion === platform ? '' : `, ${platformVersion.trim().split('\n').join(' ')}`;
  const kinds = [...new Set(places.map(({ kind }) => kind))].join(', ');
  const kind = places.length === 1 ? kinds : `${places.length} × ${kinds}`;
  return { name, kind, plugin: path, version: `PJRT ${apiVersion.major}.${apiVersion.minor}${own}` };
}

/** The device in force, unless it is TensorFlow. */
export function currentDeviceInfo(): DeviceInfo | undefined {
  const name = currentDevice();
  return name === 'tensorflow' ? undefined : deviceInfo(openDevice(name));
}

let cache: ExecutableCache | undefined;

/** Compiled programs are kept on disk: in the user's cache folder, or in the one that TRAINBOOK_EXECUTABLE_CACHE names; not if it says `off`. */
function executables(): ExecutableCache | undefined {
  const named = process.env['TRAINBOOK_EXECUTABLE_CACHE'] ?? '';
  if (named === 'off') return undefined;
  cache ??= named === '' ? new ExecutableCache() : new ExecutableCache(named);
  return cache;
}

/** XLA looks for CUDA's own tools in a folder of its build machine, unless it is told another one. */
function ownTools({ path, platform }: PjrtClient): { readonly xla_gpu_cuda_data_dir?: string } {
  const folder = platform === 'cuda' ? cudaFolder(path) : undefined;
  return folder === undefined ? {} : { xla_gpu_cuda_data_dir: folder };
}

/** What plugins call their platforms, where that is not our name. */
const aliases: Readonly<Record<string, string>> = { gpu: 'cuda' };

function openClient(platform: string, numDevices: number): PjrtClient {
  const plugin = requirePlugin(platform);
  const given = optionsOfEnvironment(platform, surroundings().environment);
  const options = platform === 'cpu' ? { cpu_device_count: numDevices, ...given } : given;
  const client = PjrtClient.create(plugin.path, options);
  const found = aliases[client.platform] ?? client.platform;
  if (found !== platform) {
    client.destroy();
    throw new TrainbookError({
      what: `device: the plugin ${plugin.path} is for another platform`,
      received: found,
      expected: platform,
      fix: `name the device ${found}:0, or give the plugin of ${platform}: TRAINBOOK_PJRT_PLUGIN=${platform}=/path/of/plugin.so`,
    });
  }
  clients.set(platform, client);
  return client;
}

function noSuchDevice(name: string, { size }: Grid, { platform, devices: there }: PjrtClient): TrainbookError {
  const last = there.length - 1;
  const names = last < 0 ? `a device of ${platform}` : `${platform}:0${last === 0 ? '' : ` to ${platform}:${last}`}`;
  return new TrainbookError({
    what: size === 1 ? `device: ${name} is not there` : `mesh: ${name} needs more devices than there are`,
    received: size === 1 ? name : `${size} devices`,
    expected: size === 1 ? names : `${there.length} or fewer: ${names}`,
    fix:
      platform === 'cpu'
        ? 'set TRAINBOOK_CPU_DEVICES to how many devices the processor is to be divided into, before the first is used'
        : 'CUDA_VISIBLE_DEVICES may hide devices; npx trainbook doctor lists them',
  });
}
