import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { nativeBytes } from '../../src/engine/memory.js';

it('counts native bytes and tensors truly', () => {
  const before = { native: nativeBytes(), ...tf.memory() };
  const x = tf.add(tf.zeros([256, 1024]), 1); // 1 MiB, and the zeros
  const during = { native: nativeBytes(), ...tf.memory() };
  // tfjs calls its own count of bytes approximate while there are strings, which tests before this one may have left.
  const reasons = (during as Partial<tf.MemoryInfo>).reasons ?? []; // there only if it has some
  expect(reasons.filter((reason) => !reason.includes('string'))).toEqual([]);
  expect(during.unreliable).toBe(reasons.length > 0);
  expect(during.native - before.native).toBeGreaterThanOrEqual(2 ** 20);
  x.dispose();
  expect(before.native + 2 ** 20 + 8).toBeGreaterThanOrEqual(nativeBytes());
});

it('frees tensors that are garbage when a loop awaits', async () => {
  const start = nativeBytes();
  let highest = 0;
  for (let index = 0; index < 150; index++) {
    tf.add(tf.fill([1024, 1024], index), 1); // 8 MB dropped each time
    await new Promise((resolve) => setTimeout(resolve, 0));
    highest = Math.max(highest, nativeBytes() - start);
  }
  expect(highest).toBeLessThan(600 * 2 ** 20); // 1.2 GB were made
});

it('frees small ones too, however few their bytes', async () => {
  const start = tf.memory();
  const more = 7000;
  for (let index = 0; index < more; index++) {
    tf.tensor1d(['text', 'more']);
    tf.neg(tf.scalar(index));
  }
  expect(tf.memory().numTensors).toBe(start.numTensors + 3 * more);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const last = tf.scalar(1);
  await last.data();
  last.dispose();
  const end = tf.memory();
  expect(end.numTensors).toBeLessThan(start.numTensors + more / 10);
  expect(end.numBytes).toBeLessThan(start.numBytes + more);
});
