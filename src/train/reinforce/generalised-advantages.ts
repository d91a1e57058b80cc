import * as tf from '@tensorflow/tfjs';
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
 * An answer ends with its last token that counts: V and A after it are 0. A token that does not count is passed over, as if those on both sides of it
 * were neighbours; its own advantage and return are 0, and its reward is not read.
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
  const backwards = [rewards, values, mask].map((given) => tf.reverse(tf.transpose(given), 0)); // [time, batch]
  const nothing = tf.zeros([numAnswers]);
  const { outputs } = scan(
    ([later, nextValue], [reward, value, counts]) => {
      const [A, V, r, v, m] = [later, nextValue, reward, value, counts].map(present);
      const delta = tf.sub(tf.add(r, tf.mul(V, discount)), v);
      const advantage = tf.add(delta, tf.mul(A, discount * smoothing));
      const counted = tf.greater(m, 0);
      return {
        carry: [tf.where(counted, advantage, A), tf.where(counted, v, V)],
        outputs: [tf.where(counted, advantage, nothing)],
      };
    },
    [nothing, nothing],
    backwards,
  );
  const advantages: tf.Tensor2D = tf.transpose(tf.reverse(present(outputs[0]), 0));
  const returns: tf.Tensor2D = tf.where(tf.greater(mask, 0), tf.add(advantages, values), tf.zerosLike(values));
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
  const centred = tf.mul(tf.sub(x, mean), mask);
  const variance = tf.div(tf.sum(tf.square(centred)), tf.maximum(tf.sub(count, 1), 1));
  const white = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-8)));
  return keepMean ? tf.mul(tf.add(white, mean), mask) : white;
}

function present(tensor: tf.Tensor | undefined): tf.Tensor {
  if (tensor === undefined) throw new Error('internal: a scan lost a tensor');
  return tensor;
}

function outside(name: string, received: number, expected: string): TrainbookError {
  return new TrainbookError({
    what: `generalisedAdvantages: ${name} is out of range`,
    received,
    expected,
    fix: `set ${name}`,
  });
}
