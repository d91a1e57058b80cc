import * as tf from '@tensorflow/tfjs';
import { treeEntries } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import type { Loss } from '../loss.js';
import type { Tensors } from '../optimizers/optimizer.js';

/**
 * ⟨g, w⟩ = Σ g w over all weights, whose gradient is g: a gradient that comes from elsewhere, such as from trainings on several tasks or by
 * several clients, goes through the step of a training like any other. A batch is g, and is disposed of by the step.
 *
 * @example
 * const outer = startTraining(givenGradient<Weights>(), { weights, optimizer: sgd({ learningRate: 1 }) });
 * await outer.step(gradient, 1);
 */
export function givenGradient<Weights>(): Loss<Weights, Tensors> {
  return {
    shares: { loss: 1 },
    unit: 'gradients',
    size: () => 1,
    tensors: (gradient) => Object.fromEntries(treeEntries(gradient)),
    counts: () => ({ loss: tf.scalar(1) }),
    sums: (weights, gradient) => {
      const products = treeEntries<tf.Tensor>(weights as Tree<tf.Tensor>).map(([path, weight]) =>
        tf.sum<tf.Scalar>(tf.mul(weight, gradient[path] as tf.Tensor)),
      );
      return { loss: tf.addN(products) };
    },
  };
}
