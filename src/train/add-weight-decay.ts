import * as tf from '@tensorflow/tfjs';
import { stateless, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/**
 * update + decay · parameter, for matrices and tables (two axes or more); gains and biases (one axis) are left alone, since
 * pulling a gain towards 0 turns its feature off. Behind Adam this is AdamW's decoupled decay.
 * Loshchilov and Hutter 2017, "Decoupled Weight Decay Regularization" (1711.05101).
 *
 * @example
 * addWeightDecay(0.1);
 */
export function addWeightDecay(decay: number): Optimizer<readonly never[]> {
  return stateless((updates, parameters) =>
    zipTrees(
      (update: tf.Tensor, parameter: tf.Tensor) =>
        parameter.rank >= 2 ? tf.add(update, tf.mul(parameter, decay)) : update,
      updates,
      parameters,
    ),
  );
}
