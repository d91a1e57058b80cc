import * as tf from '@tensorflow/tfjs';
import { bernoulli, foldTensor } from '../engine/random.js';
import type { RandomKey } from '../engine/random.js';

/** What is left out, and by which key. */
export interface Dropout {
  /** The share of elements that become 0, in [0, 1). */
  readonly rate: number;
  readonly key: RandomKey;
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
  const { rate, key } = options;
  return tf.mul(x, tf.mul(tf.cast(bernoulli(key, 1 - rate, x.shape), 'float32'), 1 / (1 - rate)));
}

/** The n-th of several dropouts that come from one. */
export function nthDropout(options: Dropout | undefined, n: number | tf.Tensor): Dropout | undefined {
  if (options === undefined || options.rate === 0) return undefined;
  return { rate: options.rate, key: foldTensor(options.key, typeof n === 'number' ? tf.scalar(n, 'int32') : n) };
}
