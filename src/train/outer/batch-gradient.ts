import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../../engine/cell.js';
import { flatten, mapTree } from '../../engine/tree.js';
import type { Loss } from '../loss.js';
import { zerosLike } from '../optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../optimizers/optimizer.js';
import { startTraining } from '../step.js';
import type { TrainingOptions } from '../step.js';

/** The gradient of a loss on a batch, at any weights. */
export interface BatchGradient<Weights, B> {
  /** The tensors are the caller's. */
  at(weights: Weights, batch: B, step: number): Promise<{ readonly gradient: Weights; readonly loss: number }>;
  dispose(): void;
}

/**
 * The gradient of a batch by the step of a training, with its precision, micro-batches and recomputation, but without its update.
 *
 * @example
 * const { gradient } = await startBatchGradient(loss, { weights }).at(weights, batches.next(), 1);
 */
export function startBatchGradient<Weights, B>(
  loss: Loss<Weights, B>,
  options: Omit<TrainingOptions<Weights>, 'optimizer' | 'group'>,
): BatchGradient<Weights, B> {
  const training = startTraining(loss, { ...options, optimizer: keepGradients });
  const { parameters, optimizer } = training.cells;
  return {
    at: async (weights, batch, step) => {
      const values = flatten(weights as Tensors);
      flatten<Cell>(parameters).forEach((kept, index) => {
        kept.write(values[index] as tf.Tensor);
      });
      const { loss: value } = await training.step(batch, step);
      const gradient = mapTree<Cell, tf.Tensor>(optimizer, (kept) => kept.read());
      return { gradient: gradient as unknown as Weights, loss: value };
    },
    dispose: () => {
      training.dispose();
    },
  };
}

/** Changes nothing; its state is the gradient. */
const keepGradients: Optimizer = {
  scalars: () => ({}),
  init: (parameters) => zerosLike(parameters),
  update: (gradients) => ({
    updates: mapTree<tf.Tensor, tf.Tensor>(gradients, (gradient) => tf.zerosLike(gradient)),
    state: gradients,
  }),
};
