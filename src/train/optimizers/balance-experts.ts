import * as tf from '@tensorflow/tfjs';
import { flatten, mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Optimizer } from './optimizer.js';

/**
 * An optimizer that moves the biases of routers by a rule of their own, and all else as before: b ← b − rate · sign(load − even share), so that
 * full experts are chosen less. For models with `experts.balancedBy: 'bias'`, which need no part of the loss then: DeepSeek-V3
 * (2412.19437), section 2.1.2, with a rate of 0.001; Wang 2024 (2408.15664).
 *
 * The load's error stands where a bias's gradient would (`router-bias.ts`), summed over the whole batch; the biases are parameters like
 * others, so that checkpoints hold them, and a resumed run goes on to the bit.
 *
 * @throws TrainbookError if the rate is not positive.
 * @example
 * balanceExperts(adamw({ learningRate: 3e-4 }));
 */
export function balanceExperts(optimizer: Optimizer, { rate = 0.001 }: { readonly rate?: number } = {}): Optimizer {
  if (!(rate > 0 && Number.isFinite(rate)))
    throw new TrainbookError({ what: 'balanceExperts: rate', received: rate, expected: 'a number above 0' });
  return {
    ...optimizer,
    update: (gradients, state, parameters, scalars) => {
      const still = mapTree<tf.Tensor, tf.Tensor>(gradients, (gradient, path) =>
        isRouterBias(path) ? tf.zerosLike(gradient) : gradient,
      );
      const result = optimizer.update(still, state, parameters, scalars);
      const errors = flatten(gradients);
      let next = 0;
      const updates = mapTree<tf.Tensor, tf.Tensor>(result.updates, (update, path) => {
        const error = errors[next++] as tf.Tensor;
        return isRouterBias(path) ? tf.mul(tf.sign(error), -rate) : update;
      });
      return { ...result, updates };
    },
  };
}

/** Whether a path names the bias of a router, such as `layers.3.mlp.router.bias`. */
function isRouterBias(path: string): boolean {
  return /(?:^|\.)mlp\.router\.bias$/.test(path);
}
