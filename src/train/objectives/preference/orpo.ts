import * as tf from '@tensorflow/tfjs';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import { answersFrame, answersOf, rankedRightly, weighed } from './pair-objective.js';
import { checkNumber, rewardsOf, watchedCounts } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';
import type { PreferenceObjective } from './preference-objective.js';

export interface OrpoOptions {
  /** λ: how much the odds ratio counts beside the loss of the chosen answers. Default: 0.1. */
  readonly lambda?: number;
}

/**
 * −log σ(log(odds(chosen) / odds(rejected))) for each pair, with odds = p / (1 − p) and ln p the mean m over the tokens of an answer,
 * [batch]: log odds = m − ln(1 − eᵐ). Hong 2024, "ORPO: Monolithic Preference Optimization without Reference Model" (2403.07691),
 * equations 4 and 7. It is the second term of the loss, which counts λ; the first is the cross-entropy of the chosen answer (`orpo`).
 * A reward is λ m.
 *
 * @throws TrainbookError if λ is not above 0.
 * @example
 * const { losses } = orpoLosses(means, { lambda: 0.1 });
 */
export function orpoLosses(means: OfPairs, { lambda = 0.1 }: OrpoOptions = {}): PreferenceLosses {
  checkNumber('orpo', 'lambda', lambda, 0);
  const ratio = tf.sub<tf.Tensor1D>(logOdds(means.chosen), logOdds(means.rejected));
  return { losses: tf.neg(tf.logSigmoid(ratio)), rewards: rewardsOf(means, lambda) };
}

/** ln p − ln(1 − p) of ln p = m, below 0. */
function logOdds(m: tf.Tensor1D): tf.Tensor1D {
  return tf.sub(m, log1mExp(tf.minimum(m, -nearestToCertain)));
}

/** A certain answer has infinite odds; the nearest that float32 tells from it has those of e^−1e-7. */
const nearestToCertain = 1e-7;

/**
 * ln(1 − eˣ) of x < 0, in two branches, so that neither difference cancels: Mächler 2012. Each branch is given only numbers that are
 * its own, as the gradient of what is not chosen must be finite too.
 */
function log1mExp(x: tf.Tensor1D): tf.Tensor1D {
  const low = tf.less(x, -Math.LN2);
  const border = tf.fill(x.shape, -Math.LN2);
  const far = tf.log1p(tf.neg(tf.exp(tf.where(low, x, border))));
  const near = tf.log(tf.neg(tf.expm1(tf.where(low, border, x))));
  return tf.where(low, far, near) as tf.Tensor1D;
}

/**
 * The cross-entropy of the chosen answers, a mean over their tokens (`sft`), and λ times `orpoLosses`, a mean over pairs (`oddsRatio`).
 *
 * @throws TrainbookError if λ is not above 0.
 * @example
 * await train(model, { objective: orpo({ lambda: 0.1 }), data: (options) => preferenceLoader(pairs, sizes, options), … });
 */
export function orpo(options: OrpoOptions = {}): PreferenceObjective<PreferenceBatch> {
  const { lambda = 0.1 } = options;
  checkNumber('orpo', 'lambda', lambda, 0);
  const objective: PreferenceObjective<PreferenceBatch> = (model) => ({
    ...answersFrame,
    shares: { sft: 1, oddsRatio: lambda },
    counts: (batch) => {
      const pairs = batch['weights'] as tf.Tensor1D;
      const tokens = tf.sum(batch['chosen.weights'] as tf.Tensor2D, 1); // [batch]
      const numPairs = tf.sum<tf.Scalar>(pairs);
      return { sft: tf.sum(tf.mul(tokens, pairs)), oddsRatio: numPairs, ...watchedCounts(pairs), ranking: numPairs };
    },
    sums: (weights, batch, computing = {}) => {
      const pairs = batch['weights'] as tf.Tensor1D;
      const policy = answersOf(model, weights, batch, computing);
      const { loss, ...watched } = weighed(orpoLosses(policy.means, options), batch);
      const sft = tf.neg(tf.sum<tf.Scalar>(tf.mul(policy.sums.chosen, pairs)));
      return { sft, oddsRatio: loss, ...watched, ranking: rankedRightly(policy, batch) };
    },
  });
  return Object.assign(objective, { identity: { orpo: { lambda } } });
}
