import type * as tf from '@tensorflow/tfjs';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import { measureLoss } from '../../held-out.js';
import type { RowTensors } from '../../loss.js';
import type { RowReader } from '../labelled-rows.js';
import type { TokenPredictor } from '../token-predictor.js';
import { answersAgainst, answersOf, pairFrame, textRewards } from './pair-objective.js';
import { logRatios, rewardsOf, watchedCounts, watchedSums } from './preference-losses.js';
import type { OfPairs } from './preference-losses.js';
import type { Reference } from './preference-objective.js';

/** What a model takes for the rewards of the answers of a batch. */
export type PairRewards<Weights> = (weights: Weights, batch: RowTensors) => OfPairs;

/** Means over pairs. */
export interface MeasuredPreferences {
  readonly chosen: number;
  readonly rejected: number;
  /** Of chosen − rejected. */
  readonly margin: number;
  /** The share of pairs whose chosen answer has the higher reward; a tie is no hit. */
  readonly accuracy: number;
  readonly numPairs: number;
}

/**
 * The mean of ln p over the tokens of an answer: a ranking that needs no reference, in which a long answer is not worse for its length.
 *
 * @example
 * const measure = measurePreferences(perTokenRewards(architecture));
 */
export function perTokenRewards<Weights>(model: TokenPredictor<Weights>): PairRewards<Weights> {
  return (weights, batch) => answersOf(model, weights, batch, {}).means;
}

/**
 * β ln(π/ρ) of whole answers, DPO's reward, against a frozen model or the numbers that the pairs bring.
 *
 * @example
 * const measure = measurePreferences(logRatioRewards(architecture, { reference: model }));
 */
export function logRatioRewards<Weights>(
  model: TokenPredictor<Weights>,
  { beta = 0.1, reference }: { readonly beta?: number; readonly reference?: Reference } = {},
): PairRewards<Weights> {
  return (weights, batch) =>
    rewardsOf(logRatios(answersOf(model, weights, batch, {}).sums, answersAgainst(reference, batch, {}).sums), beta);
}

/**
 * What a reward model says of prompt and answer.
 *
 * @example
 * const measure = measurePreferences(modelRewards(withHead(trunk, head)));
 */
export function modelRewards<Weights>(model: RowReader<Weights>): PairRewards<Weights> {
  return (weights, batch) => textRewards(model, weights, batch, {});
}

/**
 * Means of rewards, margins and hits over batches, as `preferenceMetrics` has them for one. Keep it for the next time: it is compiled
 * once.
 *
 * @throws TrainbookError if a reward model gives more than one number for a text, or there is no reference to compare with.
 * @example
 * const measure = measurePreferences(perTokenRewards(architecture));
 * const { accuracy } = await measure(weights, preferencesInOrder(unseen, { context: 512, padding: 0 }, 8));
 */
export function measurePreferences<Weights>(
  rewards: PairRewards<Weights>,
): (weights: Weights, batches: Iterable<PreferenceBatch>) => Promise<MeasuredPreferences> {
  const measure = measureLoss<Weights, PreferenceBatch>({
    ...pairFrame,
    shares: {},
    counts: ({ weights }) => watchedCounts(weights as tf.Tensor1D),
    sums: (weights, batch) => watchedSums(rewards(weights, batch), batch['weights'] as tf.Tensor1D),
  });
  return async (weights, batches) => {
    const { watched, counts } = await measure(weights, batches);
    const { chosenReward = NaN, rejectedReward = NaN, margin = NaN, accuracy = NaN } = watched;
    return { chosen: chosenReward, rejected: rejectedReward, margin, accuracy, numPairs: counts['accuracy'] ?? NaN };
  };
}
