import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../error.js';
import { tokenMean, type SumAndCount } from './token-mean.js';

/** What a critic says of each token, and what it should have said. */
export interface ValueTokens {
  /** V: the gradient flows into these alone. */
  readonly values: tf.Tensor2D; // [batch, time]
  /** V_old, when the answer was written. */
  readonly oldValues: tf.Tensor2D; // [batch, time]
  /** R, of `generalisedAdvantages`. */
  readonly returns: tf.Tensor2D; // [batch, time]
  readonly mask: tf.Tensor2D; // [batch, time]
}

export interface ValueLoss extends SumAndCount {
  /** How many tokens have the clipped error, which is the larger one. */
  readonly clipped: tf.Scalar;
}

/**
 * ℓ_t = ½ max((V − R)², (V_old + clip(V − V_old, −ε, ε) − R)²), with ε = `clip`, 0.2 by default; its mean over counted tokens as sum and
 * count. A critic gains nothing by a step beyond ε: the value loss of OpenAI's PPO (Schulman 2017, 1707.06347; their code of that year).
 *
 * @throws TrainbookError if `clip` is not positive.
 * @example
 * const { sum, count } = valueLoss({ values, oldValues, returns, mask }, { clip: 0.2 });
 */
export function valueLoss(
  { values, oldValues, returns, mask }: ValueTokens,
  { clip = 0.2 }: { readonly clip?: number } = {},
): ValueLoss {
  if (!(clip > 0)) {
    throw new TrainbookError({
      what: 'valueLoss: clip must be positive',
      received: clip,
      expected: 'a number > 0, or Infinity for no clipping',
      fix: 'set clip',
    });
  }
  const [old, goal] = [stopGradient(oldValues), stopGradient(returns)];
  const change = tf.sub(values, old);
  const near = tf.clipByValue(change, -clip, clip);
  const free = tf.square(tf.sub(values, goal));
  const bound = tf.square(tf.sub(tf.add(old, near), goal));
  // Within the bound both are one number, but for rounding.
  const beyond = tf.greater(tf.abs(stopGradient(change)), clip);
  const larger = tf.logicalAnd(beyond, tf.greater(stopGradient(bound), stopGradient(free)));
  return {
    ...tokenMean(tf.mul(tf.maximum(free, bound), 0.5), mask, 'tokens'),
    clipped: tf.sum(tf.mul(tf.cast(larger, 'float32'), mask)),
  };
}
