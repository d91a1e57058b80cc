import type * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { flatten, treeEntries } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import type { Loss } from '../../../src/train/loss.js';
import { chain } from '../../../src/train/optimizers/optimizer.js';
import { scaleByLearningRate } from '../../../src/train/optimizers/scale-by-learning-rate.js';
import { constant } from '../../../src/train/schedules/schedule.js';
import { startTraining } from '../../../src/train/step.js';
import type { StepResult, TrainingOptions } from '../../../src/train/step.js';

/** Weights change by minus the gradient. */
const descent = chain(scaleByLearningRate(constant(1)));

/** What one step of plain gradient descent tells. */
export interface Descended {
  readonly result: StepResult;
  /** By the path of the weight. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** One step of `weights ← weights − gradient` as a training runs it: the loss and the gradients. */
export async function descend<Weights, B>(
  loss: Loss<Weights, B>,
  weights: Weights,
  batch: B,
  options: Partial<TrainingOptions<Weights>> = {},
): Promise<Descended> {
  const training = startTraining(loss, { weights, optimizer: descent, target: 'graph', ...options });
  const before = flatten<tf.Tensor>(weights as Tree<tf.Tensor>).map((tensor) => tensor.dataSync());
  const result = await training.step(batch, 1);
  const after = treeEntries<tf.Tensor>(training.weights() as Tree<tf.Tensor>);
  const gradients = new Map(
    after.map(([path, tensor], index) => {
      const now = tensor.dataSync();
      return [path, Float32Array.from(before[index] ?? [], (value, place) => value - (now[place] ?? NaN))] as const;
    }),
  );
  training.dispose();
  return { result, gradients };
}

/** The same loss, parts and gradients: these within `tolerance` of their largest number, and of rounding of weights of about 1. */
export function expectSameDescent(received: Descended, expected: Descended, tolerance = 1e-6): void {
  expect(received.result.loss).toBeCloseTo(expected.result.loss, 5);
  expect(Object.keys(received.result.parts)).toEqual(Object.keys(expected.result.parts));
  for (const [name, value] of Object.entries(expected.result.parts)) {
    expect(received.result.parts[name]).toBeCloseTo(value, 5);
  }
  expect([...received.gradients.keys()]).toEqual([...expected.gradients.keys()]);
  for (const [path, gradient] of expected.gradients) {
    const other = received.gradients.get(path) ?? new Float32Array();
    const largest = gradient.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
    const worst = gradient.reduce((most, number, index) => Math.max(most, Math.abs(number - (other[index] ?? NaN))), 0);
    expect(worst, path).toBeLessThanOrEqual(tolerance * largest + 3e-7);
  }
}
