import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';
import { scan } from '../../engine/scan.js';
import { TrainbookError } from '../../error.js';

// Legend: batch = answers; time = tokens of the longest answer.

/** Answers as an actor and its critic see them. */
export interface ValuedAnswers {
  /** r_t, what the token earned: a KL penalty in most places, the answer's score at its last token. */
  readonly rewards: tf.Tensor2D; // [batch, time]
  /** V_t, the critic's estimate of what is still to be earned, before the token is chosen. */
  readonly values: tf.Tensor2D; // [batch, time]
  /** 1 for tokens of the policy, 0 for padding and for tokens that others wrote. */
  readonly mask: tf.Tensor2D; // [batch, time]
}

/** How far ahead is looked. */
export interface GeneralisedAdvantageOptions {
  /** γ, in (0, 1]: what a reward one token later is worth. Default: 1, since answers end. */
  readonly discount?: number;
  /** λ, in [0, 1]: 0 trusts the critic after one token, 1 only the rewards that came. Default: 0.95. */
  readonly smoothing?: number;
}

/** Constants to the loss: no gradient flows into what they were made from. */
export interface GeneralisedAdvantages {
  readonly advantages: tf.Tensor2D; // [batch, time]
  /** A + V: what the critic is to learn. */
  readonly returns: tf.Tensor2D; // [batch, time]
}

/**
 * Generalised advantage estimation, from the last token to the first: δ_t = r_t + γ V_{t+1} − V_t, A_t = δ_t + γ λ A_{t+1}, returns A + V.
 * Schulman 2015 (1506.02438), equation 16.
 *
 * An answer ends with its last token that counts: V and A after it are 0. A token that does not count is passed over, as if those on both
 * sides of it were neighbours; its own advantage and return are 0, and its reward is not read.
 *
 * @throws TrainbookError if γ or λ is out of range.
 * @example
 * const { advantages, returns } = generalisedAdvantages({ rewards, values, mask }, { discount: 1, smoothing: 0.95 });
 */
export function generalisedAdvantages(
  { rewards, values, mask }: ValuedAnswers,
  { discount = 1, smoothing = 0.95 }: GeneralisedAdvantageOptions = {},
): GeneralisedAdvantages {
  if (!(discount > 0 && discount <= 1)) throw outside('discount', discount, 'a number in (0, 1]');
  if (!(smoothing >= 0 && smoothing <= 1)) throw outside('smoothing', smoothing, 'a number in [0, 1]');
  const [numAnswers] = rewards.shape;
  const backwards = [rewards, values, mask].map((given) => tf.reverse(tf.transpose(stopGradient(given)), 0)); // [time, batch]
  const nothing = tf.zeros([numAnswers]);
  const { outputs } = scan(
    (carry, slices) => {
      const [later, nextValue] = carry as [tf.Tensor, tf.Tensor];
      const [reward, value, counts] = slices as [tf.Tensor, tf.Tensor, tf.Tensor];
      const delta = tf.sub(tf.add(reward, tf.mul(nextValue, discount)), value);
      const advantage = tf.add(delta, tf.mul(later, discount * smoothing));
      const counted = tf.greater(counts, 0);
      return {
        carry: [tf.where(counted, advantage, later), tf.where(counted, value, nextValue)],
        outputs: [tf.where(counted, advantage, nothing)],
      };
    },
    [nothing, nothing],
    backwards,
  );
  const [fromTheEnd] = outputs as [tf.Tensor2D]; // [time, batch]
  const advantages = tf.transpose<tf.Tensor2D>(tf.reverse(fromTheEnd, 0));
  const returns: tf.Tensor2D = tf.where(
    tf.greater(mask, 0),
    tf.add<tf.Tensor2D>(advantages, stopGradient(values)),
    tf.zerosLike(values),
  );
  return { advantages, returns };
}

/**
 * (x − mean) / √(variance + 1e-8) over what counts, 0 elsewhere; the variance is the unbiased one, n − 1 below. `keepMean` adds the
 * mean again: rewards keep their sign. Fewer than two counted numbers have no variance: they become 0, or stay as they are with `keepMean`.
 * As TRL's masked_whiten, and the PPO of Ziegler 2019 (1909.08593) before it.
 *
 * @example
 * const ready = whiten(advantages, mask);
 */
export function whiten(x: tf.Tensor2D, mask: tf.Tensor2D, { keepMean = false } = {}): tf.Tensor2D {
  const count = tf.sum(mask);
  const mean = tf.div(tf.sum(tf.mul(x, mask)), tf.maximum(count, 1));
  const centred = tf.mul<tf.Tensor2D>(tf.sub(x, mean), mask);
  const variance = tf.div(tf.sum(tf.square(centred)), tf.maximum(tf.sub(count, 1), 1));
  const white = tf.mul<tf.Tensor2D>(centred, tf.rsqrt(tf.add(variance, 1e-8)));
  return keepMean ? tf.mul<tf.Tensor2D>(tf.add(white, mean), mask) : white;
}

function outside(name: string, received: number, expected: string): TrainbookError {
  return new TrainbookError({
    what: `generalisedAdvantages: ${name} is out of range`,
    received,
    expected,
    fix: `set ${name}`,
  });
}
