import * as tf from '@tensorflow/tfjs';
import { stateless, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/**
 * update · ‖parameter‖ / ‖update‖ for each matrix and table by itself (1 where either norm is 0): a step is as long, relative to the
 * matrix, as the learning rate says, however large the gradient. Gains and biases (one axis) are left alone, as weight decay
 * leaves them. You, Gitman and Ginsburg 2017, "LARS" (1708.03888), in the form of LAMB (1904.00962).
 *
 * @example
 * chain(scaleByAdam(), addWeightDecay(0.01), scaleByTrustRatio(), scaleByLearningRate(1e-3));
 */
export function scaleByTrustRatio(): Optimizer<readonly never[]> {
  return stateless((updates, parameters) =>
    zipTrees(
      (update: tf.Tensor, parameter: tf.Tensor) =>
        parameter.rank >= 2 ? tf.mul(update, trustRatio(parameter, update)) : update,
      updates,
      parameters,
    ),
  );
}

function trustRatio(parameter: tf.Tensor, update: tf.Tensor): tf.Tensor {
  const length = norm(parameter);
  const stepLength = norm(update);
  const defined = tf.logicalAnd(tf.greater(length, 0), tf.greater(stepLength, 0));
  return tf.where(defined, tf.divNoNan(length, stepLength), tf.onesLike(length));
}

const norm = (tensor: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(tensor)));
