import * as tf from '@tensorflow/tfjs';
import { zerosLike, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { MomentumState } from './scale-by-momentum.js';

/** How Lion averages. */
export interface LionAverages {
  /** The mean's part in the direction of a step. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean itself. Default 0.99. */
  readonly beta2?: number;
}

/**
 * update = sign(β₁ m + (1 − β₁) g),  m ← β₂ m + (1 − β₂) g: each number moves by the same amount, and one mean is all that is kept.
 * Chen 2023, "Symbolic Discovery of Optimization Algorithms" (2302.06675).
 *
 * @example
 * chain(scaleByLion(), addWeightDecay(1), scaleByLearningRate(1e-4));
 */
export function scaleByLion({ beta1 = 0.9, beta2 = 0.99 }: LionAverages = {}): Optimizer<MomentumState> {
  const mix = (mean: tf.Tensor, gradient: tf.Tensor, beta: number): tf.Tensor =>
    tf.add(tf.mul(mean, beta), tf.mul(gradient, 1 - beta));
  return {
    scalars: () => ({}),
    init: (parameters) => ({ momentum: zerosLike(parameters) }),
    update: (gradients, { momentum }) => ({
      updates: zipTrees((mean, gradient) => tf.sign(mix(mean, gradient, beta1)), momentum, gradients),
      state: { momentum: zipTrees((mean, gradient) => mix(mean, gradient, beta2), momentum, gradients) },
    }),
  };
}
