import * as tf from '@tensorflow/tfjs';

// Legend: batch = answers; time = tokens of the longest answer.

/**
 * How numbers of tokens become one number.
 * - `'tokens'`: Σ m x / Σ m, every token counts the same. PPO; DAPO (Yu 2025, 2503.14476, section 3.3).
 * - `'answers'`: the mean over answers of each answer's mean, so that a token of a long answer counts less. GRPO (Shao 2024, 2402.03300).
 * - `{ constantLength: L }`: Σ m x / (answers · L), no bias by length and no dependence on how long the others are. Dr. GRPO (Liu 2025,
 *   2503.20783); L is usually the limit of tokens of an answer.
 */
export type TokenMean = 'tokens' | 'answers' | { readonly constantLength: number };

/** A mean, its two halves apart: the pieces of a batch are added before they are divided, see `Loss`. */
export interface SumAndCount {
  readonly sum: tf.Scalar;
  readonly count: tf.Scalar;
}

/**
 * The sum and the count whose quotient is the mean of `x` over counted tokens: x, mask [batch, time]. An answer without a counted token,
 * such as a row that pads a batch, does not count. (TRL counts it as an answer with loss 0.)
 *
 * @example
 * const { sum, count } = tokenMean(kl, mask, 'answers');
 */
export function tokenMean(x: tf.Tensor2D, mask: tf.Tensor2D, mean: TokenMean): SumAndCount {
  const counted = tf.where(tf.greater(mask, 0), tf.mul(x, mask), tf.zerosLike(x)); // not finite · 0 is 0
  const lengths = tf.sum<tf.Tensor1D>(mask, 1);
  if (mean === 'tokens') return { sum: tf.sum(counted), count: tf.sum(lengths) };
  const numAnswers = tf.sum<tf.Scalar>(tf.cast(tf.greater(lengths, 0), 'float32'));
  if (mean === 'answers') return { sum: tf.sum(tf.div(tf.sum(counted, 1), tf.maximum(lengths, 1))), count: numAnswers };
  return { sum: tf.sum(counted), count: tf.mul(numAnswers, mean.constantLength) };
}
