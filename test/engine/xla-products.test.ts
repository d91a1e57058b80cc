import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { withPrecision } from '../../src/engine/precision.js';
import { normal } from '../../src/engine/random.js';
import { remat } from '../../src/engine/remat.js';
import { scan } from '../../src/engine/scan.js';
import { productsForXla } from '../../src/engine/tensorflow/xla-products.js';

const bfloat16 = <R>(fn: () => R): R => withPrecision('bfloat16', fn, { emulated: true });

/** Normal numbers that bfloat16 has exactly: the upper half of a float32. */
function drawn(seed: number, shape: readonly number[]): tf.Tensor {
  const numbers = normal(key(seed), [...shape]).dataSync() as Float32Array;
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let index = 0; index < bits.length; index++) bits[index] = (bits[index] ?? 0) & 0xffff0000;
  return tf.tensor(numbers, [...shape]);
}

function farthest(a: tf.Tensor, b: tf.Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] ?? NaN);
}

describe('matrix products under XLA', () => {
  it.each([bfloat16, <R>(fn: () => R): R => fn()])(
    'are those of eager float32, whatever the shape: the result is not rounded (%#)',
    async (policy) => {
      const size = fc.constantFrom(1, 2, 7, 8, 33, 64);
      const batch = fc.constantFrom([], [1], [3], [2, 3]);
      await fc.assert(
        fc.asyncProperty(batch, size, size, size, fc.boolean(), fc.boolean(), async (axes, m, k, n, ta, tb) => {
          const a = drawn(1, [...axes, ...(ta ? [k, m] : [m, k])]);
          const b = drawn(2, [...axes, ...(tb ? [n, k] : [k, n])]);
          const product = (): tf.Tensor => tf.matMul(a, b, ta, tb);
          const compiled = await compile(() => policy(product), { target: 'xla' })();
          expect(farthest(compiled, product())).toBeLessThan(2e-6 * k + 1e-6);
        }),
        { numRuns: 25, seed: 7 },
      );
    },
  );

  it.each([false, true])('stand between transposes and in gradients (left factor transposed: %s)', async (ta) => {
    const x = drawn(3, [24, 16]);
    const weight = drawn(4, [ta ? 24 : 16, 40]);
    const loss = (w: tf.Tensor): tf.Scalar => {
      const product = tf.transpose(tf.matMul(x, w, ta)); // XLA would fold this transpose into the product
      return tf.sum(tf.square(tf.matMul(product, tf.transpose(product), false, false)));
    };
    const step = (): tf.Tensor => tf.grad(loss)(weight);
    const gradient = await compile(() => bfloat16(step), { target: 'xla' })();
    const trueGradient = step();
    const largest = tf.max(tf.abs(trueGradient)).dataSync()[0] ?? 0;
    expect(farthest(gradient, trueGradient) / largest).toBeLessThan(0.02);
  });

  it('are rewritten in loops and recomputed parts too', async () => {
    const weight = drawn(5, [16, 16]);
    const start = drawn(6, [32, 16]);
    const layer = (h: tf.Tensor): tf.Tensor => tf.tanh(tf.mul(tf.matMul(h, weight), 0.2));
    const step = (): tf.Tensor =>
      tf.grad((h) => {
        const { carry } = scan(([value]) => ({ carry: [layer(value as tf.Tensor)], outputs: [] }), [h], [], 3);
        return tf.sum(remat(layer)(carry[0] as tf.Tensor));
      })(start);
    const compiled = compile(() => bfloat16(step), { target: 'xla' });
    expect(farthest(await compiled(), await compile(step, { target: 'xla' })())).toBeLessThan(0.01);
    const text = JSON.stringify(productsForXla(compiled.trace().trace));
    expect(text).toContain('XlaDotV2');
    expect(text).not.toContain('MatMul');
  });

  it.each([
    [false, ['BatchMatMulV2']],
    [true, ['Transpose', 'XlaOptimizationBarrier', 'XlaDotV2']],
  ])('those of float32 too where the left factor is transposed (%s)', (ta, ops) => {
    const [a, b] = [drawn(1, [16, 16]), drawn(2, [16, 16])];
    const { trace } = compile(() => tf.matMul(a, b, ta)).trace();
    const found = productsForXla(trace).nodes.map(({ op }) => op);
    expect(found).toEqual(expect.arrayContaining(ops));
    expect(found.includes('XlaDotV2')).toBe(ta);
  });
});
