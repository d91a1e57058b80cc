import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../../error.js';

/** A number for the chosen and for the rejected answer of each pair, such as ln p. */
export interface OfPairs {
  readonly chosen: tf.Tensor1D; // [batch]
  readonly rejected: tf.Tensor1D; // [batch]
}

/** What a loss of pairs gives: a loss for each, and what it takes for the rewards of the answers, without gradient. */
export interface PreferenceLosses {
  readonly losses: tf.Tensor1D; // [batch]
  readonly rewards: OfPairs;
}

/** Means over pairs. */
export interface PreferenceMetrics {
  readonly chosen: tf.Scalar;
  readonly rejected: tf.Scalar;
  /** Of chosen − rejected. */
  readonly margin: tf.Scalar;
  /** The share of pairs whose chosen answer has the higher reward; a tie is no hit. */
  readonly accuracy: tf.Scalar;
}

/**
 * Σ w m / Σ w of the rewards of both answers, of their differences, and of whether the chosen one's is higher. `weights` [batch] default
 * to 1.
 *
 * @example
 * const { accuracy } = preferenceMetrics(dpoLosses(policy, reference).rewards);
 */
export function preferenceMetrics(
  { chosen, rejected }: OfPairs,
  weights: tf.Tensor1D = tf.onesLike(chosen),
): PreferenceMetrics {
  const total = tf.maximum(tf.sum(weights), 1e-6);
  const mean = (numbers: tf.Tensor): tf.Scalar => tf.div(tf.sum(tf.mul(numbers, weights)), total);
  return {
    chosen: mean(chosen),
    rejected: mean(rejected),
    margin: mean(tf.sub(chosen, rejected)),
    accuracy: mean(tf.cast(tf.greater(chosen, rejected), 'float32')),
  };
}

/** What is watched of a step, by the names that its row of metrics has: as `preferenceMetrics`. */
export const watchedOfPairs = ['accuracy', 'margin', 'chosenReward', 'rejectedReward'] as const;

type WatchedSums = Readonly<Record<(typeof watchedOfPairs)[number], tf.Scalar>>;

/** Σ w m over pairs. */
export function watchedSums({ chosen, rejected }: OfPairs, weights: tf.Tensor1D): WatchedSums {
  const sum = (numbers: tf.Tensor): tf.Scalar => tf.sum(tf.mul(numbers, weights));
  return {
    accuracy: sum(tf.cast(tf.greater(chosen, rejected), 'float32')),
    margin: sum(tf.sub(chosen, rejected)),
    chosenReward: sum(chosen),
    rejectedReward: sum(rejected),
  };
}

/** Σ w for each. */
export function watchedCounts(weights: tf.Tensor1D): WatchedSums {
  const pairs = tf.sum<tf.Scalar>(weights);
  return { accuracy: pairs, margin: pairs, chosenReward: pairs, rejectedReward: pairs };
}

/** ln p of the policy − ln p of the reference, which is taken as given. */
export function logRatios(policy: OfPairs, reference: OfPairs): OfPairs {
  return {
    chosen: tf.sub(policy.chosen, stopGradient(reference.chosen)),
    rejected: tf.sub(policy.rejected, stopGradient(reference.rejected)),
  };
}

/** factor · numbers, without gradient. */
export function rewardsOf({ chosen, rejected }: OfPairs, factor = 1): OfPairs {
  return { chosen: stopGradient(tf.mul(chosen, factor)), rejected: stopGradient(tf.mul(rejected, factor)) };
}

/** @throws TrainbookError if the number is not finite, or not above (`atLeast`: from) `least`. */
export function checkNumber(what: string, name: string, value: number, least: number, atLeast = false): void {
  if (Number.isFinite(value) && (value > least || (atLeast && value === least))) return;
  throw new TrainbookError({
    what: `${what}: no such ${name}`,
    received: value,
    expected: `a number ${atLeast ? 'from' : 'above'} ${least}${atLeast ? ' on' : ''}`,
  });
}
