import * as tf from '@tensorflow/tfjs';
import { mapTree } from '../../engine/tree.js';
import type { Optimizer, Tensors } from './optimizer.js';
import { zipTrees } from './optimizer.js';

/**
 * g + μ (w − w₀), w₀ the weights at the start: the gradient of a loss with μ/2 ‖w − w₀‖² beside it, which holds a training near to where
 * it began. FedProx, Li 2018 (1812.06127), where w₀ are the weights that a client was sent. The state is w₀.
 *
 * @example
 * chain(addProximal(0.01), sgd({ learningRate: 0.1 }));
 */
export function addProximal(mu: number): Optimizer {
  return {
    scalars: () => ({}),
    init: (parameters) => mapTree<tf.Tensor, tf.Tensor>(parameters, (parameter) => parameter.clone()),
    update: (gradients, start, parameters) => ({
      updates: pulled(mu, gradients, start, parameters),
      state: start,
    }),
  };
}

function pulled(mu: number, gradients: Tensors, start: Tensors, parameters: Tensors): Tensors {
  return zipTrees(
    (gradient, parameter, first) => tf.add(gradient, tf.mul(tf.sub(parameter, first), mu)),
    gradients,
    parameters,
    start,
  );
}
