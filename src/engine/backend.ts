/**
 * The tfjs backend `tensorflow`: tfjs-node's kernels in JavaScript over our binding. Importing this file registers it with the
 * highest priority; the library is loaded by the first operation. Where it is not, a device of a PJRT plugin runs every operation; where
 * there is none either, the official addon serves if there is one, else tfjs takes its next backend, and one warning says why.
 */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { type Addon, loadAddon } from './addon.js';
import { Binding, type TensorMetadata } from './binding.js';
import { currentDeviceInfo, deviceInfo, type DeviceInfo, openInPlaceOfLibrary } from './device.js';
import { searchLibrary, type Library } from './library.js';
import './gradients/index.js';
import { registerOwnKernels } from './kernels.js';
import { collectGarbage } from './memory.js';
import type { Device } from './pjrt/device.js';
import { EagerDevice } from './pjrt/eager.js';
import './removed-from-node.js';
import { Context } from './tensorflow/context.js';

const require = createRequire(import.meta.url);

/** tfjs-node's backend class, as far as we use it. */
interface KernelBackend extends tf.KernelBackend {
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  readonly tensorMap: tf.DataStorage<{ shape: number[]; dtype: number; values: unknown; id: number; refCount: number }>;
}

export interface EngineInfo {
  readonly backend: string;
  /** Why this one, in a sentence. */
  readonly reason: string;
  readonly library?: { readonly path: string; readonly version: string; readonly source: string };
  readonly devices: readonly string[];
  /** Where compiled functions run, if not by the library. */
  readonly device?: DeviceInfo;
}

interface Loaded {
  readonly context: Context;
  readonly library: Library;
}

/** Where the copy of trainbook that has the engine was loaded from: one process can have one. */
const owner = Symbol.for('trainbook.engine');
const owners = globalThis as unknown as Record<symbol, string | undefined>;
const other = (owners[owner] ??= import.meta.url);
if (other !== import.meta.url) {
  throw new TrainbookError({
    what: 'engine: two copies of trainbook were loaded into one process',
    received: `${fileURLToPath(other)} and ${fileURLToPath(import.meta.url)}`,
    expected: 'one copy, so that tensors and cells are of one kind',
    fix: 'import only the package trainbook, never its files; npm ls trainbook shows the copies',
  });
}

let loaded: Loaded | undefined;
let failure: TrainbookError | undefined;

/** Opens libtensorflow once a process. */
function load(): Loaded {
  if (loaded !== undefined) return loaded;
  if (failure !== undefined) throw failure;
  const { library, rejected } = searchLibrary();
  if (library === undefined) {
    failure = new TrainbookError({
      what: 'engine: libtensorflow was not found',
      received: rejected.map(({ folder, reason }) => `${folder}: ${reason}`).join('; ') || 'no candidate',
      expected: 'libtensorflow_cc and libtensorflow_framework of TensorFlow',
      fix: 'npx trainbook setup',
    });
    throw failure;
  }
  try {
    loaded = { context: new Context(library), library };
    return loaded;
  } catch (cause) {
    if (cause instanceof TrainbookError) throw (failure = cause);
    failure = new TrainbookError({
      what: 'engine: libtensorflow does not load',
      received: `${library.folder}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a libtensorflow 2.x built for this machine',
      fix: 'npx trainbook setup, or point TRAINBOOK_LIBTENSORFLOW at another one',
      cause,
    });
    throw failure;
  }
}

/** Runs every operation where there is no libtensorflow. */
let alone: EagerDevice | undefined;

/** The one binding of this process. */
export const binding = new Binding(
  () => load().context,
  () => alone,
);

let kernels: KernelBackend | undefined;

/** tfjs-node's JavaScript layer: beside the built package, or the npm package in a clone. */
export function kernelLayer(file: string): unknown {
  const beside = fileURLToPath(new URL(`../tfjs-node/${file}.js`, import.meta.url));
  return require(existsSync(beside) ? beside : `@tensorflow/tfjs-node-gpu/dist/${file}`);
}

function createBackend(): tf.KernelBackend {
  const ofAddon = ownOrAddon();
  const { NodeJSKernelBackend } = kernelLayer('nodejs_kernel_backend') as {
    NodeJSKernelBackend: new (binding: object, name: string) => KernelBackend;
  };
  kernelLayer('register_all_kernels');
  const backend = new NodeJSKernelBackend(ofAddon?.binding ?? binding, 'tensorflow');
  if (ofAddon !== undefined) return backend;
  registerOwnKernels(binding, backend);
  collectGarbage(binding, backend);
  kernels = backend;
  return backend;
}

let addon: Addon | undefined;

/** Loads our library, or opens a device of a plugin, or else the official addon with a warning. */
function ownOrAddon(): Addon | undefined {
  try {
    load();
    return undefined;
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    const device = openInPlaceOfLibrary();
    if (device !== undefined) {
      alone = new EagerDevice(device);
      return undefined;
    }
    addon = loadAddon();
    if (addon === undefined) throw error;
    console.warn(`${error.message}\n  The addon ${addon.path} runs operations one by one; functions are not compiled.`);
    return addon;
  }
}

// tfjs says null, its types do not.
if ((tf.findBackendFactory('tensorflow') as unknown) === null) {
  tf.registerBackend(
    'tensorflow',
    () => {
      try {
        return createBackend();
      } catch (error) {
        // tfjs prints `stack` as its one warning and goes on to its next backend.
        if (error instanceof TrainbookError) error.stack = `${error.message}\n  Tensors run on a slower backend.`;
        dropHint();
        throw error;
      }
    },
    10,
  );
}

/** tfjs's backend in plain JavaScript says at its first use that tfjs-node would be faster; our warning has said what to do. */
function dropHint(): void {
  const make = tf.findBackendFactory('cpu') as (() => tf.KernelBackend) | null;
  if (make === null) return;
  tf.removeBackend('cpu');
  tf.registerBackend('cpu', () => Object.assign(make(), { firstUse: false }), 1);
}

/** The backend, or an error where another one is in use. */
function backend(): KernelBackend {
  tf.backend();
  if (kernels === undefined || tf.getBackend() !== 'tensorflow') {
    throw failure ?? new Error(`internal: the tfjs backend is ${tf.getBackend()}, not tensorflow`);
  }
  return kernels;
}

/** True where tensors are of our own binding, over libtensorflow or a device of a plugin, and so functions can be compiled. */
export function isNative(): boolean {
  tf.backend();
  return kernels !== undefined && tf.getBackend() === 'tensorflow';
}

/** The library that this process has loaded; undefined where operations run without one. */
export function nativeLibrary(): Library | undefined {
  return isNative() && alone === undefined ? load().library : undefined;
}

/** The device that runs every operation where there is no library. */
export function operationsDevice(): Device {
  if (alone === undefined) throw new Error('internal: operations are run by libtensorflow');
  return alone.device;
}

/** Numbers of tensors in the binding's table. */
export function tensorIds(tensors: readonly tf.TensorInfo[]): number[] {
  return backend().getInputTensorIds(tensors);
}

/** A tfjs tensor for a number of the binding's table. */
export function wrapTensor(id: number): tf.Tensor {
  return backend().createOutputTensor(binding.metadata(id));
}

/**
 * Which engine runs and why.
 *
 * @example
 * engineInfo();  // { backend: 'tensorflow', reason: 'libtensorflow 2.21.0 of the set-up', devices: ['CPU:0'], library: {…} }
 */
export function engineInfo(): EngineInfo {
  tf.backend();
  const name = tf.getBackend();
  if (name === 'tensorflow' && addon !== undefined) {
    return { backend: name, reason: `the addon ${addon.path}; ${failure?.message ?? ''}`, devices: [name] };
  }
  if (name === 'tensorflow' && alone !== undefined) {
    const device = currentDeviceInfo() ?? deviceInfo(alone.device);
    return {
      backend: name,
      reason: `${device.name} (${device.kind}, ${device.version}) for everything; ${failure?.message.split('\n')[0] ?? 'no libtensorflow'}`,
      devices: [device.name],
      device,
    };
  }
  if (name === 'tensorflow') {
    const { context, library } = load();
    const device = currentDeviceInfo();
    const compiled =
      device === undefined ? '' : `; compiled functions on ${device.name} (${device.kind}, ${device.version})`;
    return {
      backend: name,
      reason: `libtensorflow ${context.version} (${library.source})${compiled}`,
      library: { path: library.folder, version: context.version, source: library.source },
      devices: [...context.devices(), ...(device === undefined ? [] : [device.name])],
      ...(device !== undefined && { device }),
    };
  }
  return { backend: name, reason: failure?.message ?? `tf.setBackend('${name}') was called`, devices: [name] };
}

/**
 * `libtensorflow 2.21.0 CPU`, and the device of compiled functions, `cuda NVIDIA H200 (PJRT 0.116, …)`: what must be equal for results to
 * be equal to the last bit (with target and precision). Which of several equal devices it is does not count.
 */
export function engineName(): string {
  const { backend: name, library, devices, device } = engineInfo();
  const platforms = devices.map((found) => found.replace(/:\d+$/, ''));
  const compiled = device && `${platforms.at(-1) ?? ''} ${device.kind} (${device.version})`;
  if (library === undefined) return compiled ?? `tfjs ${name}`;
  const own = `libtensorflow ${library.version} ${platforms.slice(0, device && -1).join('+')}`;
  return compiled === undefined ? own : `${own}; ${compiled}`;
}
