import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { nativeBytes } from '../src/engine/memory.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Tensors and bytes alive once the garbage of earlier tests is gone: only then do two counts compare. */
export async function settledMemory(): Promise<{ tensors: number; bytes: number; native: number }> {
  let counts = '';
  for (let equal = 0; equal < 3;) {
    collect();
    await setTimeout(10); // finalizers are tasks of their own
    const { numTensors: tensors, numBytes: bytes } = tf.memory();
    const now = JSON.stringify({ tensors, bytes, native: nativeBytes() });
    equal = now === counts ? equal + 1 : 0;
    counts = now;
  }
  return JSON.parse(counts) as { tensors: number; bytes: number; native: number };
}
