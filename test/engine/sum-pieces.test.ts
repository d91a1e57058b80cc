import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { sumPieces } from '../../src/engine/sum-pieces.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { expectClose } from '../model/close.js';

type Given = { readonly x: tf.Tensor; readonly scale: tf.Tensor };

// Σ over pieces of Σ scale · x², told Σ x: with a captured tensor and a whole number for each piece.
const pieces = ({ x, scale }: Given, times: tf.Tensor) =>
  sumPieces(
    ([piece, count]) => ({
      sum: tf.sum(tf.mul(tf.mul(tf.square(piece as tf.Tensor), scale), tf.cast(count as tf.Tensor, 'float32'))),
      told: [tf.sum(piece as tf.Tensor)],
    }),
    [x, times],
    1,
  );
const given = (): Given => ({ x: tf.tensor2d([[1, 2], [3, 4], [5, 6]]), scale: tf.tensor1d([10, 1]) }); // prettier-ignore
const times = tf.tensor1d([1, 2, 0], 'int32');

describe.each(['eager', 'graph', 'xla'] as const)('sumPieces, %s', (way) => {
  it('by hand: 10·1 + 4 + 2 (10·9 + 16), told 21', async () => {
    const run = (values: Given, counts: tf.Tensor) => pieces(values, counts);
    const call = way === 'eager' ? run : compile(run, { target: way });
    const { sum, told } = await call(given(), times);
    expect(sum.dataSync()[0]).toBe(226);
    expect(told[0]?.dataSync()[0]).toBe(21);
  });

  it('has gradients by its inputs and by what it captures, times what comes from behind', async () => {
    const run = (values: Given, counts: tf.Tensor) =>
      valueAndGrads((v: Given) => tf.square(tf.sub(pieces(v, counts).sum, 225)))(values); // 2 (226 − 225) from behind
    const call = way === 'eager' ? run : compile(run, { target: way });
    const { value, grads } = await call(given(), times);
    expect(value.dataSync()[0]).toBe(1);
    // 2 · count · scale · 2 x, and 2 · Σ count x²
    expectClose(grads.x.dataSync(), [40, 8, 240, 32, 0, 0], 1e-4);
    expectClose(grads.scale.dataSync(), [2 * (1 + 18), 2 * (4 + 32)], 1e-4);
  });
});

describe('sumPieces', () => {
  it('reaches what its captures were made from, and computes in the loop once', async () => {
    let numCalls = 0;
    const run = compile(
      (x: tf.Tensor, base: tf.Tensor) =>
        valueAndGrads((b: tf.Tensor) => {
          const captured = tf.square(b);
          return sumPieces(
            ([row]) => {
              numCalls++;
              return { sum: tf.sum(tf.mul(row as tf.Tensor, captured)), told: [] };
            },
            [x],
          ).sum;
        })(base),
      { target: 'graph' },
    );
    const { value, grads } = await run(tf.ones([50, 2]), tf.scalar(3));
    expect([value.dataSync()[0], grads.dataSync()[0]]).toEqual([900, 600]); // 100 b², 200 b
    expect(numCalls).toBeLessThanOrEqual(3); // traced, whatever the number of pieces
  });
});
