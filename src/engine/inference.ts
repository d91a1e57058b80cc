import * as tf from '@tensorflow/tfjs';
import { isNative } from './backend.js';

/**
 * Runs what needs no gradients. With libtensorflow it simply runs. Without, it runs on tfjs's WebAssembly backend, several times faster
 * than the one in plain JavaScript, where training stays: that has all kernels, WebAssembly has none of the gradients'. Tensors move to
 * the backend that uses them.
 *
 * @example
 * const logits = await inferring(() => step(tokens));
 */
export async function inferring<R>(task: () => Promise<R>): Promise<R> {
  if (isNative() || tf.getBackend() !== 'cpu' || !(await hasWebAssembly())) return task();
  await tf.setBackend('wasm');
  try {
    return await task();
  } finally {
    await tf.setBackend('cpu');
  }
}

let started: Promise<boolean> | undefined;

function hasWebAssembly(): Promise<boolean> {
  started ??= start().catch(() => false); // a processor without SIMD, a bundle without the package: plain JavaScript does it
  return started;
}

async function start(): Promise<boolean> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  await import('@tensorflow/tfjs-backend-wasm');
  const usable = await tf.setBackend('wasm');
  await tf.setBackend('cpu');
  // The module (Emscripten's) installs handlers that throw what they are told; they belong to the program.
  events.forEach((event, index) => {
    for (const listener of process.rawListeners(event)) {
      if (before[index]?.includes(listener) === false) process.removeListener(event, listener as () => void);
    }
  });
  return usable;
}
