import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { zerosLike, zipTrees } from './optimizer.js';
import type { Optimizer, Tensors } from './optimizer.js';

/** How gradients of earlier steps go on. */
export interface MomentumOptions {
  /** Decay of the sum of gradients, μ. Default 0.9. */
  readonly momentum?: number;
  /** The part of a gradient that is not added, τ. Default 0. */
  readonly dampening?: number;
  /** Look one step ahead. Default false. */
  readonly nesterov?: boolean;
}

/** The running sum of gradients. */
export type MomentumState = { readonly momentum: Tensors };

/**
 * m ← μ m + (1 − τ) g, at the first step m = g;  update = m, or with Nesterov's look ahead g + μ m.
 * Polyak 1964, Nesterov 1983, in the form of Sutskever 2013 ("On the importance of initialization and momentum") and PyTorch.
 *
 * @throws TrainbookError if Nesterov's look ahead is asked for with dampening or without momentum, which has no meaning.
 * @example
 * scaleByMomentum({ momentum: 0.95, nesterov: true });
 */
export function scaleByMomentum({
  momentum = 0.9,
  dampening = 0,
  nesterov = false,
}: MomentumOptions = {}): Optimizer<MomentumState> {
  if (nesterov && (dampening !== 0 || momentum <= 0)) {
    throw new TrainbookError({
      what: 'scaleByMomentum: Nesterov’s look ahead needs momentum, and no dampening',
      received: `momentum ${momentum}, dampening ${dampening}`,
      expected: 'momentum > 0 and dampening 0',
      fix: 'set nesterov: false, or dampening: 0',
    });
  }
  return {
    scalars: (step) => ({ gradientShare: step === 1 ? 1 : 1 - dampening }),
    init: (parameters) => ({ momentum: zerosLike(parameters) }),
    update: (gradients, state, _parameters, { gradientShare }) => {
      if (gradientShare === undefined) throw new Error('internal: momentum needs its scalar');
      const sums = zipTrees(
        (sum, gradient) => tf.add(tf.mul(sum, momentum), tf.mul(gradient, gradientShare)),
        state.momentum,
        gradients,
      );
      const ahead = (gradient: tf.Tensor, sum: tf.Tensor): tf.Tensor => tf.add(gradient, tf.mul(sum, momentum));
      return { updates: nesterov ? zipTrees(ahead, gradients, sums) : sums, state: { momentum: sums } };
    },
  };
}
