import * as tf from '@tensorflow/tfjs';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import { withoutReference } from './pair-objective.js';
import { checkNumber, rewardsOf } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';
import type { PreferenceObjective } from './preference-objective.js';

export interface SimpoOptions {
  /** β: what a mean ln p counts as a reward. Default: 2. */
  readonly beta?: number;
  /** γ: by how much the chosen answer's reward is to be higher. Default: 1. */
  readonly gamma?: number;
}

/**
 * −log σ(β (m(chosen) − m(rejected)) − γ) for each pair, where m is the mean of ln p over the tokens of an answer, [batch]: a long answer
 * is not better for its length, and no reference is needed. Meng 2024, "SimPO: Simple Preference Optimization with a Reference-Free
 * Reward" (2405.14734), equation 6. A reward is β m.
 *
 * @throws TrainbookError if β is not above 0, or γ below 0.
 * @example
 * const { losses } = simpoLosses(means, { beta: 2, gamma: 1 });
 */
export function simpoLosses(means: OfPairs, options: SimpoOptions = {}): PreferenceLosses {
  const { beta = 2, gamma = 1 } = options;
  checkSimpo(options);
  const margin = tf.sub<tf.Tensor1D>(tf.mul(tf.sub(means.chosen, means.rejected), beta), gamma);
  return { losses: tf.neg(tf.logSigmoid(margin)), rewards: rewardsOf(means, beta) };
}

/**
 * `simpoLosses` of a model's answers, a mean over pairs.
 *
 * @throws TrainbookError if β is not above 0, or γ below 0.
 * @example
 * await train(model, { objective: simpo({ beta: 2, gamma: 1 }), data: (options) => preferenceLoader(pairs, sizes, options), … });
 */
export function simpo(options: SimpoOptions = {}): PreferenceObjective<PreferenceBatch> {
  checkSimpo(options);
  const { beta = 2, gamma = 1 } = options;
  return withoutReference({ simpo: { beta, gamma } }, ({ means }) => simpoLosses(means, options));
}

function checkSimpo({ beta = 2, gamma = 1 }: SimpoOptions): void {
  checkNumber('simpo', 'beta', beta, 0);
  checkNumber('simpo', 'gamma', gamma, 0, true);
}
