import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../error.js';
import { tokenMean, type SumAndCount, type TokenMean } from './token-mean.js';

// Legend: batch = answers; time = tokens of the longest answer. Log-probabilities are natural logarithms.

/** Answers, the policy that is trained and the one that wrote them. */
export interface PolicyTokens {
  /** log π(o_t): the gradient flows into these alone. */
  readonly logProbabilities: tf.Tensor2D; // [batch, time]
  /** log π_old(o_t), when the answer was written. */
  readonly oldLogProbabilities: tf.Tensor2D; // [batch, time]
  /** One for an answer (GRPO) or one for a token (PPO). */
  readonly advantages: tf.Tensor1D | tf.Tensor2D; // [batch] or [batch, time]
  /** 1 for tokens of the policy, 0 for padding and for tokens that others wrote. */
  readonly mask: tf.Tensor2D; // [batch, time]
}

export interface ClippedPolicyOptions {
  /** ε_low: a ratio below 1 − ε_low earns no more. Default: 0.2. */
  readonly clipLow?: number;
  /** ε_high: a ratio above 1 + ε_high earns no more. Default: ε_low; DAPO's clip-higher has 0.28 beside 0.2. */
  readonly clipHigh?: number;
  /**
   * Whether each token has its ratio or each answer one. GSPO's ratios of answers move less: its bounds are 3e-4 and 4e-4. Default:
   * `'token'`.
   */
  readonly ratioOf?: 'token' | 'answer';
  /** Default: `'tokens'`. */
  readonly mean?: TokenMean;
}

/** What there is to watch: sums over counted tokens, to be divided by `numTokens` when all pieces are added. No gradient. */
export interface PolicyStatistics {
  readonly numTokens: tf.Scalar;
  /** Tokens without gradient since the ratio is below 1 − ε_low and the advantage negative. */
  readonly clippedLow: tf.Scalar;
  /** Tokens without gradient since the ratio is above 1 + ε_high and the advantage positive. */
  readonly clippedHigh: tf.Scalar;
  /** KL(π_old ‖ π) by the estimator k3: ρ − 1 − log ρ with the token's own ratio. */
  readonly approximateKl: tf.Scalar;
  /** −log π_old of what was drawn: its mean is the entropy of the policy that drew. */
  readonly sampledEntropy: tf.Scalar;
}

export interface PolicyLoss extends SumAndCount {
  readonly statistics: PolicyStatistics;
}

/**
 * ℓ_t = −min(ρ_t A_t, clip(ρ_t, 1 − ε_low, 1 + ε_high) A_t) with ρ_t = π(o_t) / π_old(o_t), and its mean over tokens, as sum and count.
 * Schulman 2017, PPO (1707.06347), equation 7. With two bounds: Yu 2025, DAPO (2503.14476). `ratioOf: 'answer'` has one ratio for an
 * answer, ρ = exp(mean over its tokens of log π − log π_old): Zheng 2025, GSPO (2507.18071), whose mean is `'answers'`.
 *
 * @throws TrainbookError if a bound is not positive, or ε_low not below 1.
 * @example
 * const { sum, count } = clippedPolicyLoss({ logProbabilities, oldLogProbabilities, advantages, mask }, { clipHigh: 0.28 });
 */
export function clippedPolicyLoss(tokens: PolicyTokens, options: ClippedPolicyOptions = {}): PolicyLoss {
  const { clipLow = 0.2, clipHigh = clipLow, ratioOf = 'token', mean = 'tokens' } = options;
  requireBounds(clipLow, clipHigh, mean);
  const { mask } = tokens;
  const old = stopGradient(tokens.oldLogProbabilities); // the same tensor as π's in the first step: ρ = 1, with a gradient
  const logRatios = counted(tf.sub(tokens.logProbabilities, old), mask);
  const ratios = tf.exp(ratioOf === 'token' ? logRatios : meanOfAnswer(logRatios, mask)); // [batch, time or 1]
  const advantages = stopGradient(
    tokens.advantages.rank === 1
      ? tf.expandDims(tokens.advantages, 1)
      : counted(tokens.advantages as tf.Tensor2D, mask),
  );
  const gains = tf.minimum(
    tf.mul(ratios, advantages),
    tf.mul(tf.clipByValue(ratios, 1 - clipLow, 1 + clipHigh), advantages),
  );
  const losses = tf.mul<tf.Tensor2D>(tf.neg(gains), tf.onesLike(mask)); // [batch, time]
  const given = stopGradient(ratios);
  const sumOver = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(tf.cast(x, 'float32'), mask));
  const givenLogs = stopGradient(logRatios);
  return {
    ...tokenMean(losses, mask, mean),
    statistics: {
      numTokens: tf.sum(mask),
      clippedLow: sumOver(tf.logicalAnd(tf.less(given, 1 - clipLow), tf.less(advantages, 0))),
      clippedHigh: sumOver(tf.logicalAnd(tf.greater(given, 1 + clipHigh), tf.greater(advantages, 0))),
      approximateKl: sumOver(tf.sub(tf.sub(tf.exp(givenLogs), 1), givenLogs)),
      sampledEntropy: tf.neg(tf.sum<tf.Scalar>(counted(old, mask))),
    },
  };
}

/** Log-probabilities of padding may be anything, −∞ too. */
function counted(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return tf.where(tf.greater(mask, 0), x, tf.zerosLike(x));
}

/** [batch, time] → [batch, 1]. */
function meanOfAnswer(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return tf.div(tf.sum(tf.mul(x, mask), 1, true), tf.maximum(tf.sum(mask, 1, true), 1));
}

function requireBounds(clipLow: number, clipHigh: number, mean: TokenMean): void {
  if (!(clipLow > 0 && clipLow < 1)) throw outside('clipLow', clipLow, 'a number in (0, 1)');
  if (!(clipHigh > 0 && clipHigh < Infinity)) throw outside('clipHigh', clipHigh, 'a number > 0');
  if (typeof mean === 'object' && !(mean.constantLength > 0))
    throw outside('mean.constantLength', mean.constantLength, 'a number of tokens > 0');
}

function outside(name: string, received: number, expected: string): TrainbookError {
  return new TrainbookError({
    what: `clippedPolicyLoss: ${name} is out of range`,
    received,
    expected,
    fix: `set ${name}`,
  });
}
