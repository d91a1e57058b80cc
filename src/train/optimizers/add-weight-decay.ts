import * as tf from '@tensorflow/tfjs';
import { stateless, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/**
 * update + decay · parameter, for matrices and tables (two axes or more); gains and biases (one axis) are left alone, since
 * pulling a gain towards 0 turns its feature off. Its place in a chain says which decay it is: behind Adam, Lion or Muon it is
 * decoupled (AdamW's), before Adam or momentum it is the gradient of ½ decay ‖parameter‖². Loshchilov and Hutter 2017, "Decoupled Weight Decay Regularization" (1711.05101).
 *
 * @example
 * addWeightDecay(0.1);
 */
export function addWeightDecay(decay: number): Optimizer<readonly never[]> {
  return stateless((updates, parameters) =>
    decay === 0
      ? updates
      : zipTrees(
          (update: tf.Tensor, parameter: tf.Tensor) =>
            parameter.rank >= 2 ? tf.add(update, tf.mul(parameter, decay)) : update,
          updates,
          parameters,
        ),
  );
}
