import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';

// Legend: batch = answers; time = tokens of the longest answer. Log-probabilities are natural logarithms.

/**
 * How KL(π ‖ π_ref) is estimated from one draw x of π, with log r = log π_ref(x) − log π(x). Schulman 2020, "Approximating KL Divergence"
 * (joschu.net/blog/kl-approx.html).
 * - `'k1'`: −log r, unbiased, of high variance, negative for half of the draws.
 * - `'k2'`: ½ (log r)², biased, of low variance; as a loss its gradient is that of the KL.
 * - `'k3'`: r − 1 − log r, unbiased and never negative. GRPO's (Shao 2024, 2402.03300, equation 4).
 */
export type KlEstimator = 'k1' | 'k2' | 'k3';

/**
 * An estimate of KL(π ‖ π_ref) for each token that π has drawn, in nats: [batch, time] → [batch, time]. The gradient flows into π
 * alone. It has no mask: as a part of a loss it wants finite log-probabilities for padding too, since 0 · ∞ is no number.
 *
 * @example
 * const kl = tokenMean(klEstimates(logProbabilities, referenceLogProbabilities, 'k3'), mask, 'tokens');
 */
export function klEstimates(
  logProbabilities: tf.Tensor2D,
  referenceLogProbabilities: tf.Tensor2D,
  estimator: KlEstimator,
): tf.Tensor2D {
  const logRatios: tf.Tensor2D = tf.sub(stopGradient(referenceLogProbabilities), logProbabilities);
  if (estimator === 'k1') return tf.neg(logRatios);
  if (estimator === 'k2') return tf.mul(tf.square(logRatios), 0.5);
  return tf.sub(tf.sub(tf.exp(logRatios), 1), logRatios);
}

/** Answers with one score each, and how likely two policies find their tokens. */
export interface ScoredAnswers {
  readonly scores: tf.Tensor1D; // [batch]
  readonly logProbabilities: tf.Tensor2D; // [batch, time]
  readonly referenceLogProbabilities: tf.Tensor2D; // [batch, time]
  readonly mask: tf.Tensor2D; // [batch, time]
}

export interface KlPenalty {
  /** β: reward lost for a nat of KL. A tensor if it changes from step to step, see `adaptiveKl`. */
  readonly coefficient: number | tf.Scalar;
  /** Default: `'k1'`. */
  readonly estimator?: KlEstimator;
}

export interface ShapedRewards {
  readonly rewards: tf.Tensor2D; // [batch, time]
  /** The estimates before β, 0 where nothing counts: an answer's sum is what `adaptiveKl` is told. */
  readonly kl: tf.Tensor2D; // [batch, time]
}

/**
 * r_t = −β kl_t for each counted token, and the answer's score added at its last: PPO's rewards for a language model, constants to its
 * loss. Ziegler 2019 (1909.08593), Stiennon 2020 (2009.01325).
 *
 * @example
 * const { rewards } = klShapedRewards({ scores, logProbabilities, referenceLogProbabilities, mask }, { coefficient: 0.05 });
 */
export function klShapedRewards(
  { scores, logProbabilities, referenceLogProbabilities, mask }: ScoredAnswers,
  { coefficient, estimator = 'k1' }: KlPenalty,
): ShapedRewards {
  const counted = tf.greater(mask, 0);
  const estimates = klEstimates(stopGradient(logProbabilities), referenceLogProbabilities, estimator);
  const kl: tf.Tensor2D = tf.where(counted, estimates, tf.zerosLike(estimates));
  const [, numTokens] = mask.shape;
  const places = tf.mul(tf.range(1, numTokens + 1, 1, 'float32'), tf.cast(counted, 'float32')); // 1 … time, 0 for what does not count
  const isLast = tf.logicalAnd(tf.equal(places, tf.max(places, 1, true)), counted);
  const ends = tf.mul(tf.cast(isLast, 'float32'), tf.expandDims(stopGradient(scores), 1));
  return { rewards: tf.sub(ends, tf.mul(kl, coefficient)), kl };
}
