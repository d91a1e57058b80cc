import * as tf from '@tensorflow/tfjs';
import { zipTrees } from './optimizer.js';
import type { Tensors } from './optimizer.js';
import type { Schedule } from '../schedules/schedule.js';

/**
 * An exponential moving average of weights, begun as a copy of them. It is evaluated in place of the weights: it lies nearer to the
 * middle of the valley that steps jump about in. Polyak and Juditsky 1992; Tarvainen and Valpola 2017 (1703.01780).
 *
 * @example
 * let average = startAverage(weights);
 * average = updateAverage(average, weights, 0.999); // after each step
 */
export function startAverage(parameters: Tensors): Tensors {
  return zipTrees((parameter) => tf.clone(parameter), parameters);
}

/**
 * a ← d a + (1 − d) p. Equal to PyTorch's `AveragedModel` with `get_ema_multi_avg_fn(d)`.
 *
 * @param decay of this step; in a compiled step a tensor, so that it may change: `tf.scalar(correctedDecay(0.999)(step))`.
 */
export function updateAverage(average: Tensors, parameters: Tensors, decay: number | tf.Tensor): Tensors {
  const rest = tf.sub(1, decay);
  return zipTrees((mean, parameter) => tf.add(mean, tf.mul(tf.sub(parameter, mean), rest)), average, parameters);
}

/**
 * Decays that leave the first weights out: with d (1 − dᵗ⁻¹) / (1 − dᵗ) at step t the average is Σ dᵗ⁻ⁱ pᵢ / Σ dᵗ⁻ⁱ over the steps so
 * far, which is Adam's bias correction without a counter or a second form of the state. Step 1 has 0: the average is p₁.
 *
 * @example
 * average = updateAverage(average, weights, correctedDecay(0.999)(step));
 */
export function correctedDecay(decay: number): Schedule {
  return (step) => (decay * (1 - decay ** (step - 1))) / (1 - decay ** step);
}
