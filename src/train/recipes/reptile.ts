import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import { zipTrees } from '../optimizers/optimizer.js';
import type { Tensors } from '../optimizers/optimizer.js';
import type { Trainable } from '../train.js';
import { metaLearn } from './meta-learning.js';
import type { MetaLearningOptions, MetaMethod, Rows } from './meta-learning.js';

/** A task that Reptile learns: rows of it. */
export interface ReptileTask<B> {
  readonly rows: Rows<B>;
}

/**
 * Learns a start from which tasks are learned in a few steps: φ ← φ + ε (φ̃ − φ), where φ̃ are the weights after k steps on a task, from φ;
 * with several tasks a round, their mean. Nichol, Achiam and Schulman 2018, "On first-order meta-learning algorithms" (1803.02999).
 *
 * φ − φ̃ is what the outer optimizer takes as gradient, so that `sgd` with learning rate ε is the formula; the paper lets ε fall linearly
 * to 0. With one inner step of SGD it is joint training on all tasks; what is gained beyond that comes from k ≥ 2, by which gradients of
 * different batches of a task are brought to agree.
 *
 * @throws TrainbookError if a number is out of range, or as `train`.
 * @example
 * const start = await reptile(model, {
 *   objective: regression(),
 *   tasks: (key) => ({ rows: (options) => tableLoader(…sine(key), options) }),
 *   rounds: 2000,
 *   innerSteps: 10,
 *   innerBatchSize: 10,
 *   inner: sgd({ learningRate: 0.02 }),
 *   outer: sgd({ learningRate: warmupLinear({ learningRate: 0.1, steps: 2000, finalFraction: 0 }) }),
 *   key: key(1),
 * });
 */
export function reptile<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: MetaLearningOptions<Architecture, Weights, B, ReptileTask<B>>,
): Promise<M> {
  return metaLearn(model, options, (): MetaMethod<Weights, B, ReptileTask<B>> => ({
    name: 'reptile',
    gradient: async ({ local, weights, task, key, innerSteps, innerBatchSize }) => {
      const batches = task.rows({ batchSize: innerBatchSize, key: fold(key, 'order') });
      const { weights: learned, loss } = await local.run({ from: weights, batches, steps: innerSteps, key });
      const gradient = zipTrees((before, after) => tf.sub(before, after), weights as Tensors, learned as Tensors);
      tf.dispose(learned as tf.TensorContainer);
      return { gradient, loss };
    },
    dispose: () => undefined,
  }));
}
