import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { flatten, unflatten } from '../../engine/tree.js';
import type { Json } from '../../files.js';
import { parseOptions } from '../../model/parse-options.js';
import { z } from 'zod';
import type { Loader, LoaderOptions } from '../../tokens/loader.js';
import type { Loss } from '../loss.js';
import { zerosLike, zipTrees } from '../optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../optimizers/optimizer.js';
import { startLocalTraining } from '../outer/local-training.js';
import type { LocalTraining } from '../outer/local-training.js';
import { roundKey, summedOver, trainInRounds } from '../outer/train-in-rounds.js';
import type { RoundOptions } from '../outer/train-in-rounds.js';
import type { Trainable } from '../train.js';

/** Makes loaders of some rows, as `train` takes them. */
export type Rows<B> = (options: LoaderOptions) => Loader<B>;

/** What meta-learning takes beside its tasks. */
export interface MetaLearningOptions<Architecture, Weights, B, Task> extends RoundOptions<Architecture, Weights, B> {
  /** Draws a task: the same for the same key. */
  readonly tasks: (key: Key) => Task;
  /** Tasks of a round, whose mean is followed. Default: 1. */
  readonly tasksPerRound?: number;
  /** Steps on a task. */
  readonly innerSteps: number;
  /** Rows of a step on a task. */
  readonly innerBatchSize: number;
  /** Learns a task; it begins anew with each. */
  readonly inner: Optimizer;
  /** Follows what the tasks say. */
  readonly outer: Optimizer;
}

const countsSchema = z.object({
  rounds: z.int().positive(),
  tasksPerRound: z.int().positive(),
  innerSteps: z.int().positive(),
  innerBatchSize: z.int().positive(),
});

/** One task: its inner training is ready, and what it says of the weights is asked for. */
export interface TaskLearning<Weights, B, Task> {
  readonly local: LocalTraining<Weights, B>;
  readonly weights: Weights;
  readonly task: Task;
  readonly key: Key;
  readonly innerSteps: number;
  readonly innerBatchSize: number;
}

/** How a task's gradient for the outer optimizer is found. */
export interface MetaMethod<Weights, B, Task> {
  readonly name: string;
  /** The gradient's tensors are the caller's. */
  gradient(learning: TaskLearning<Weights, B, Task>): Promise<{ readonly gradient: Tensors; readonly loss: number }>;
  dispose(): void;
}

/**
 * Learns weights from which new tasks are learned in a few steps: in each round some tasks are drawn, each is trained on from the weights of
 * the moment, and the outer optimizer follows the mean of the gradients that a method makes of it. In a group of processes each takes its
 * part of the tasks.
 *
 * @throws TrainbookError if a number is out of range, or as `train`.
 */
export async function metaLearn<Architecture, Weights, B, Task, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: MetaLearningOptions<Architecture, Weights, B, Task>,
  methodOf: (loss: Loss<Weights, B>) => MetaMethod<Weights, B, Task>,
): Promise<M> {
  const { objective, tasks, tasksPerRound = 1, innerSteps, innerBatchSize, inner, outer, key, target, group } = options;
  const loss = objective(model.architecture);
  const method = methodOf(loss);
  const { name } = method;
  parseOptions(
    name,
    countsSchema,
    { rounds: options.rounds, tasksPerRound, innerSteps, innerBatchSize },
    `${name}’s counts`,
  );
  const { weights, architecture: _architecture } = model;
  const local = startLocalTraining(loss, {
    weights,
    optimizer: inner,
    target,
    precision: options.precision,
    dropoutKey: fold(key, 'dropout'),
  });
  const shape = weights as Tensors;
  const find = async (now: Weights, round: number) => {
    let sum = zerosLike(shape);
    let losses = 0;
    for (let index = group?.index ?? 0; index < tasksPerRound; index += group?.size ?? 1) {
      const own = roundKey(key, 'task', round, index);
      const learning = { local, weights: now, key: own, innerSteps, innerBatchSize, task: tasks(fold(own, 'draw')) };
      const found = await method.gradient(learning);
      losses += found.loss;
      const before = sum;
      sum = tf.tidy(() => zipTrees((a, b) => tf.add(a, b), before, found.gradient) as never);
      tf.dispose([before, found.gradient] as tf.TensorContainer);
    }
    const [total, ...sums] = await summedOver(group, [tf.scalar(losses), ...flatten(sum)]);
    const [ofTasks = NaN] = (await total?.data()) ?? [];
    const gradient = unflatten(
      shape,
      sums.map((leaf) => tf.div(leaf, tasksPerRound)),
    );
    tf.dispose([...(total ? [total] : []), ...sums]);
    return { gradient, loss: ofTasks / tasksPerRound };
  };
  const identity: Json = { tasksPerRound, innerSteps, innerBatchSize, inner: { ...inner.scalars(1) } };
  try {
    return await trainInRounds(model, options, {
      name,
      loss,
      optimizer: outer,
      unit: 'tasks',
      size: tasksPerRound,
      identity,
      find,
    });
  } finally {
    local.dispose();
    method.dispose();
  }
}
