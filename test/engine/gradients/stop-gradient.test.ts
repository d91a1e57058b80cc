import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { roll, stopGradient } from '../../../src/engine/gradients/index.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { TrainbookError } from '../../../src/error.js';

describe('stopGradient', () => {
  const product = (x: tf.Tensor) => tf.sum(tf.mul(x, stopGradient(tf.square(x))));

  test('takes its argument as given: d(x · [x²])/dx = x²', async () => {
    const x = tf.tensor1d([1, -2, 3]);
    expect(Array.from(valueAndGrads(product)(x).grads.dataSync())).toEqual([1, 4, 9]);
    for (const target of ['xla', 'graph'] as const) {
      const grads = await compile((input: tf.Tensor) => valueAndGrads(product)(input).grads, { target })(x);
      expect(Array.from(grads.dataSync())).toEqual([1, 4, 9]);
    }
  });

  test('straight through: the value of round(x), the gradient of x', () => {
    const { value, grads } = valueAndGrads((x: tf.Tensor) =>
      tf.sum(tf.mul(tf.add(x, stopGradient(tf.sub(tf.round(x), x))), [1, 2])),
    )(tf.tensor1d([0.7, 1.6]));
    expect(value.dataSync()[0]).toBeCloseTo(5, 6);
    expect(Array.from(grads.dataSync())).toEqual([1, 2]);
  });

  test('a loss that depends on x only through it has zeros', () => {
    const { grads } = valueAndGrads((x: tf.Tensor) => tf.sum(stopGradient(x)))(tf.tensor1d([1, 2]));
    expect(Array.from(grads.dataSync())).toEqual([0, 0]);
  });

  test('cuts the backward pass: no op of the stopped part is in it', () => {
    const stopped = compile(
      (x: tf.Tensor) => valueAndGrads((y: tf.Tensor) => tf.sum(tf.mul(y, stopGradient(tf.tanh(tf.tanh(y))))))(x).grads,
    );
    const ops = stopped.trace(tf.zeros([3])).trace.nodes.map(({ op }) => op);
    expect(ops.filter((op) => op === 'Tanh')).toHaveLength(2);
    expect(ops.filter((op) => op === 'Square')).toHaveLength(0);
  });
});

describe('where', () => {
  test('an infinite gradient on the side not taken does not become NaN', () => {
    // d sqrt(x)/dx is infinite at 0; there the other side is taken.
    const grads = tf.grad((x) => tf.where(tf.greater(x, 0), tf.mul(x, 2), tf.mul(x, 3)))(
      tf.tensor1d([0, 1]),
      tf.tensor1d([Infinity, 1]),
    );
    expect(Array.from(grads.dataSync())).toEqual([Infinity, 2]);
  });
});

describe('einsum', () => {
  test('an equation with a repeated letter is refused where its gradient is asked for', () => {
    expect(() => tf.grad((x) => tf.einsum('ii->i', x))(tf.eye(2))).toThrow();
  });
});

describe('roll', () => {
  test.each([
    [1, 0, [5, 6, 1, 2, 3, 4]],
    [-1, 0, [3, 4, 5, 6, 1, 2]],
    [7, -1, [2, 1, 4, 3, 6, 5]],
    [0, 0, [1, 2, 3, 4, 5, 6]],
    [-3, 0, [1, 2, 3, 4, 5, 6]],
  ])('by %d along axis %d, as numpy.roll', (shift, axis, expected) => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    expect(Array.from(roll(x, shift, axis).dataSync())).toEqual(expected);
  });

  test('an axis that is not there is refused', () => {
    expect(() => roll(tf.zeros([2, 2]), 1, 2)).toThrow(TrainbookError);
    expect(() => roll(tf.zeros([2, 2]), 0.5)).toThrow(TrainbookError);
  });
});
