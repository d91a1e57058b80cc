import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { currentPrecision, lowPrecisionFeatures, requireHardware, withPrecision } from '../../src/engine/precision.js';

it('rounds the inputs of matrix products only', async () => {
  // 1 + 2^-9 is 1 in bfloat16; a sum of float32 keeps it.
  const a = tf.tensor2d([[1 + 2 ** -9]]);
  const one = tf.tensor2d([[1]]);
  const run = (): tf.Tensor[] => withPrecision('bfloat16', () => [tf.matMul(a, one), tf.add(a, 0)], { emulated: true });
  for (const [product, sum] of [run(), await compile(run, { target: 'graph' })()]) {
    expect((await product?.data())?.[0]).toBe(1);
    expect((await sum?.data())?.[0]).toBe(1 + 2 ** -9);
  }
  expect((await tf.matMul(a, one).data())[0]).toBe(1 + 2 ** -9);
  expect(currentPrecision()).toBe('float32');
});

it('refuses what the CPU would emulate', () => {
  const zen4 = 'processor : 0\nflags\t\t: fpu sse avx512f avx512_bf16\n';
  expect(lowPrecisionFeatures(zen4)).toEqual(['avx512_bf16']);
  expect(() => {
    requireHardware('bfloat16', ['avx512_bf16']);
  }).not.toThrow();
  expect(() => {
    requireHardware('bfloat16', []);
  }).toThrow(/no bfloat16 arithmetic.*float32/s);
  expect(() => {
    requireHardware('float16', ['avx512_bf16']);
  }).toThrow(/float16/);
});
