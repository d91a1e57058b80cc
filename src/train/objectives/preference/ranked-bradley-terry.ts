import * as tf from '@tensorflow/tfjs';
import type { RankedBatch } from '../../../tokens/preference/ranked-answers.js';
import type { Computing, Loss, PartSums, RowTensors } from '../../loss.js';
import { bradleyTerryLosses } from './bradley-terry.js';
import type { BradleyTerryOptions } from './bradley-terry.js';
import { checkNumber, rewardsOf, watchedCounts, watchedOfPairs, watchedSums } from './preference-losses.js';
import type { OfPairs } from './preference-losses.js';

// Legend: K answers a prompt, D dimensions; `pairs` are all ordered pairs of all answers in all dimensions, most of which weigh nothing.

/** What gives rewards of texts in several dimensions: `rewardModel(…)`. */
export interface RewardReader<Weights> {
  readonly dimensions: readonly string[];
  /** int32 [texts, time] → [texts, D] */
  forward(
    weights: Weights,
    inputs: tf.Tensor,
    reading?: { readonly mask?: tf.Tensor | undefined } & Pick<Computing, 'dropoutKey' | 'recompute'>,
  ): tf.Tensor2D;
}

/**
 * The mean over rankings of Σ (1 / n) ℓ(i, j), over the n pairs of a ranking in which answer i is better than answer j, with `bradleyTerryLosses`
 * ℓ: Ouyang 2022, "InstructGPT" (2203.02155), equation 1, where n = K (K − 1) / 2. Each text goes through the model once, however many
 * pairs it is in. A ranking counts once in each dimension in which it is judged, and moves the head of that dimension alone.
 *
 * Watched are `accuracy`, `margin`, `chosenReward` and `rejectedReward` of pairs, weighed alike, and the accuracy of each dimension where
 * there are several: `accuracy.safety`.
 *
 * @throws TrainbookError if the centring is below 0.
 * @example
 * await train(judge, { objective: rankedBradleyTerry(), data: (options) => rankedLoader(rankings, sizes, options), … });
 */
export function rankedBradleyTerry(
  options: BradleyTerryOptions = {},
): <Weights>(model: RewardReader<Weights>) => Loss<Weights, RankedBatch> {
  checkNumber('rankedBradleyTerry', 'centring', options.centring ?? 0, 0, true);
  return (model) => {
    const { dimensions } = model;
    const ofDimensions = dimensions.length > 1 ? dimensions.map((name) => `accuracy.${name}`) : [];
    return {
      shares: { loss: 1 },
      watched: [...watchedOfPairs, ...ofDimensions],
      unit: 'examples',
      size: ({ batchSize }) => batchSize,
      tensors: (batch) => rankedTensors(batch, dimensions.length),
      counts: ({ better }) => {
        const weights = tf.reshape<tf.Rank.R1>(better as tf.Tensor, [-1]);
        return {
          loss: tf.sum<tf.Scalar>(weights),
          ...watchedCounts(weights),
          ...byDimension(ofDimensions, better as tf.Tensor),
        };
      },
      sums: (weights, batch, computing = {}) => {
        const pairs = rewardsOfPairs(model, weights, batch, computing);
        const { better } = batch as { better: tf.Tensor4D };
        const counted = tf.reshape<tf.Rank.R1>(better, [-1]);
        const { losses } = bradleyTerryLosses(pairs, options, marginsOf(batch));
        const rewards = rewardsOf(pairs);
        const hits = tf.cast(tf.greater(rewards.chosen, rewards.rejected), 'float32');
        return {
          loss: tf.sum<tf.Scalar>(tf.mul(losses, counted)),
          ...watchedSums(rewards, counted),
          ...byDimension(ofDimensions, tf.mul(tf.reshape(hits, better.shape), better)),
        };
      },
    };
  };
}

function rankedTensors(batch: RankedBatch, numDimensions: number): RowTensors {
  const { inputs, mask, better, margins, batchSize, numAnswers, context } = batch;
  return {
    inputs: tf.tensor3d(inputs, [batchSize, numAnswers, context], 'int32'),
    mask: tf.tensor3d(mask, [batchSize, numAnswers, context], 'int32'),
    better: tf.tensor4d(better, [batchSize, numDimensions, numAnswers, numAnswers]),
    margins: tf.tensor1d(margins),
  };
}

/** r_i and r_j of all ordered pairs, in the order of `better`: [pairs] each, pairs = batch · D · K · K. */
function rewardsOfPairs<Weights>(
  model: RewardReader<Weights>,
  weights: Weights,
  batch: RowTensors,
  { dropoutKey, recompute }: Computing,
): OfPairs {
  const { inputs, mask } = batch as { inputs: tf.Tensor; mask: tf.Tensor };
  const [numRows, numAnswers, time] = inputs.shape as [number, number, number];
  const texts: [number, number] = [numRows * numAnswers, time];
  const reading = { mask: tf.reshape(mask, texts), dropoutKey, recompute };
  const rewards = model.forward(weights, tf.reshape(inputs, texts), reading); // [batch · K, D]
  const byAnswer = tf.transpose(tf.reshape(rewards, [numRows, numAnswers, -1]), [0, 2, 1]); // [batch, D, K]
  const zeros = tf.zeros([numAnswers, numAnswers]);
  const flat = (axis: number): tf.Tensor1D =>
    tf.reshape<tf.Rank.R1>(tf.add(tf.expandDims(byAnswer, axis), zeros), [-1]);
  return { chosen: flat(3), rejected: flat(2) };
}

/** The margin of each ordered pair: [pairs] */
function marginsOf(batch: RowTensors): tf.Tensor1D {
  const { better, margins } = batch as { better: tf.Tensor4D; margins: tf.Tensor1D };
  return tf.reshape<tf.Rank.R1>(tf.mul(tf.reshape(margins, [-1, 1, 1, 1]), tf.onesLike(better)), [-1]);
}

/** The sum of [batch, D, K, K] for each dimension, by these names. */
function byDimension(names: readonly string[], numbers: tf.Tensor): PartSums {
  if (names.length === 0) return {};
  const sums = tf.unstack(tf.sum(numbers, [0, 2, 3]));
  return Object.fromEntries(names.map((name, place) => [name, sums[place] as tf.Scalar]));
}
