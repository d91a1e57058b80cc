import * as tf from '@tensorflow/tfjs';
import { stateless, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/** √ mean(x²): the size of a typical element. */
export function rootMeanSquare(tensor: tf.Tensor): tf.Tensor {
  return tf.sqrt(tf.mean(tf.square(tensor)));
}

/**
 * update / max(1, RMS(update) / limit) for each leaf by itself: with a slow second moment a gradient that grows suddenly would make
 * a step much too long. Shazeer and Stern 2018, "Adafactor" (1804.04235), section 6.
 *
 * @example
 * clipByRms(1);
 */
export function clipByRms(limit: number): Optimizer<readonly never[]> {
  return stateless((updates) =>
    zipTrees((update) => tf.div(update, tf.maximum(tf.div(rootMeanSquare(update), limit), 1)), updates),
  );
}
