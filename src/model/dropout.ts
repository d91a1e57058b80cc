import * as tf from '@tensorflow/tfjs';
import { bernoulli, foldTensor } from '../engine/random.js';
import type { RandomKey } from '../engine/random.js';

/** What is left out, and by which key. */
export interface Dropout {
  /** The share of elements that become 0, in [0, 1). */
  readonly rate: number;
  readonly key: RandomKey;
  /**
   * Whole rows in place of elements: so many, of as many neighbours along the first axis each. What a block adds to an image is then left
   * out as one: Huang 2016, "Deep Networks with Stochastic Depth" (1603.09382). Default: each element by itself.
   */
  readonly rows?: number | undefined;
}

/**
 * y = x · m / (1 − rate), where m is 0 with probability `rate`, else 1: the mean stays. The same key leaves out the same elements,
 * so that a recomputed or resumed step is the same. Without a dropout x stays as it is.
 * Srivastava 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
 *
 * @example
 * dropout(x, { rate: 0.1, key: fold(stepKey, 'embedding') });
 */
export function dropout(x: tf.Tensor, options: Dropout | undefined): tf.Tensor {
  if (options === undefined || options.rate === 0) return x;
  const { rate, key, rows } = options;
  const kept = (shape: readonly number[]): tf.Tensor =>
    tf.mul(tf.cast(bernoulli(key, 1 - rate, shape), 'float32'), 1 / (1 - rate));
  if (rows === undefined) return tf.mul(x, kept(x.shape));
  return tf.reshape(tf.mul(tf.reshape(x, [rows, -1]), kept([rows, 1])), x.shape);
}

/** The n-th of several dropouts that come from one. */
export function nthDropout(options: Dropout | undefined, n: number | tf.Tensor): Dropout | undefined {
  if (options === undefined || options.rate === 0) return undefined;
  return { ...options, key: foldTensor(options.key, typeof n === 'number' ? tf.scalar(n, 'int32') : n) };
}
