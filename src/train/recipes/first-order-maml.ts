import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Tensors } from '../optimizers/optimizer.js';
import { startBatchGradient } from '../outer/batch-gradient.js';
import type { Trainable } from '../train.js';
import { metaLearn } from './meta-learning.js';
import type { MetaLearningOptions, MetaMethod, Rows } from './meta-learning.js';

/** A task that MAML learns: rows that it is learned from, and others on which it is seen what was learned. */
export interface MamlTask<B> {
  readonly support: Rows<B>;
  readonly query: Rows<B>;
}

/** What first-order MAML takes. */
export interface FirstOrderMamlOptions<Architecture, Weights, B> extends MetaLearningOptions<
  Architecture,
  Weights,
  B,
  MamlTask<B>
> {
  /** Rows of a task's query batch. Default: `innerBatchSize`. */
  readonly queryBatchSize?: number;
}

/**
 * Learns a start from which tasks are learned in a few steps: g = ∇L_query(φ̃), where φ̃ are the weights after k steps on a task's support
 * rows, from φ; the outer optimizer follows the mean of g over tasks, at φ. MAML, Finn, Abbeel and Levine 2017 (1703.03400), differentiates
 * L_query(φ̃(φ)) through the steps; the first-order form takes ∂φ̃/∂φ as the identity (the same paper, section 5.2; Nichol 2018, 1803.02999,
 * section 2).
 *
 * @throws TrainbookError if a number is out of range, or as `train`.
 * @example
 * const start = await firstOrderMaml(model, {
 *   objective: regression(),
 *   tasks: (key) => ({ support: rowsOf(fold(key, 'support')), query: rowsOf(fold(key, 'query')) }),
 *   rounds: 2000,
 *   tasksPerRound: 4,
 *   innerSteps: 5,
 *   innerBatchSize: 10,
 *   inner: sgd({ learningRate: 0.01 }),
 *   outer: adam({ learningRate: 1e-3 }),
 *   key: key(1),
 * });
 */
export function firstOrderMaml<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: FirstOrderMamlOptions<Architecture, Weights, B>,
): Promise<M> {
  const { queryBatchSize = options.innerBatchSize, target, precision } = options;
  return metaLearn(model, options, (loss): MetaMethod<Weights, B, MamlTask<B>> => {
    const query = startBatchGradient(loss, { weights: model.weights, target, precision });
    return {
      name: 'firstOrderMaml',
      gradient: async ({ local, weights, task, key, innerSteps, innerBatchSize }) => {
        const batches = task.support({ batchSize: innerBatchSize, key: fold(key, 'order') });
        const { weights: learned } = await local.run({ from: weights, batches, steps: innerSteps, key });
        const batch = task.query({ batchSize: queryBatchSize, key: fold(key, 'query') }).next();
        const { gradient, loss: value } = await query.at(learned, batch, 1);
        tf.dispose(learned as tf.TensorContainer);
        return { gradient: gradient as Tensors, loss: value };
      },
      dispose: () => {
        query.dispose();
      },
    };
  });
}
