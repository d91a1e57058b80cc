import * as tf from '@tensorflow/tfjs';
import { zerosLike, zipTrees } from './optimizer.js';
import type { Optimizer, Tensors } from './optimizer.js';

/** How Adam averages. */
export interface AdamOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.95, usual for language models (Adam's own is 0.999). */
  readonly beta2?: number;
  /** Added to the root, so that it is never 0. Default 1e-8. */
  readonly epsilon?: number;
}

/** Running means of the gradients and of their squares. */
export type AdamState = { readonly first: Tensors; readonly second: Tensors };

/**
 * m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  update = (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).
 * Kingma and Ba 2014, "Adam" (1412.6980).
 *
 * @example
 * scaleByAdam({ beta2: 0.99 });
 */
export function scaleByAdam({ beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8 }: AdamOptions = {}): Optimizer<AdamState> {
  const average = (mean: tf.Tensor, value: tf.Tensor, beta: number): tf.Tensor =>
    tf.add(tf.mul(mean, beta), tf.mul(value, 1 - beta));
  return {
    scalars: (step) => ({ firstCorrection: 1 / (1 - beta1 ** step), secondCorrection: 1 / (1 - beta2 ** step) }),
    init: (parameters) => ({ first: zerosLike(parameters), second: zerosLike(parameters) }),
    update: (gradients, state, _parameters, { firstCorrection, secondCorrection }) => {
      if (firstCorrection === undefined || secondCorrection === undefined)
        throw new Error('internal: Adam needs its scalars');
      const first = zipTrees((mean, gradient) => average(mean, gradient, beta1), state.first, gradients);
      const second = zipTrees((mean, gradient) => average(mean, tf.square(gradient), beta2), state.second, gradients);
      const updates = zipTrees(
        (mean, square) =>
          tf.div(tf.mul(mean, firstCorrection), tf.add(tf.sqrt(tf.mul(square, secondCorrection)), epsilon)),
        first,
        second,
      );
      return { updates, state: { first, second } };
    },
  };
}
