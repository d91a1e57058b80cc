import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import type { Loss, PartSums } from '../../loss.js';
import { clippedPolicyLoss } from '../../reinforce/clipped-policy-loss.js';
import type { ClippedPolicyOptions } from '../../reinforce/clipped-policy-loss.js';
import { klEstimates } from '../../reinforce/kl.js';
import type { KlEstimator } from '../../reinforce/kl.js';
import { tokenMean } from '../../reinforce/token-mean.js';
import { tokenLogProbabilities } from '../token-log-probabilities.js';
import type { TokenPredictor } from '../token-predictor.js';
import { answerTensors, tokenNumbers, whereCounted } from './answer-batch.js';
import type { AnswerBatch } from './answer-batch.js';

/** Answers with what each is worth beside the others of its group. */
export interface GroupBatch extends AnswerBatch {
  readonly advantages: Float32Array; // [rows]
  /** ln π_old of each token, [rows, time]: needed where several updates learn from the same answers. */
  readonly old?: Float32Array;
  /** ln π_ref of each token, [rows, time]: needed where β is not 0. */
  readonly reference?: Float32Array;
}

export interface GrpoObjectiveOptions extends ClippedPolicyOptions {
  /** β: what a nat of KL to the reference costs. Default: 0. */
  readonly beta?: number;
  /** Default: `'k3'`. */
  readonly estimator?: KlEstimator;
  /** That the answers were drawn at. Default: 1. */
  readonly temperature?: number;
  /** Whether several updates learn from the same answers, so that the batch brings `old`. Default: no; the ratio is then 1. */
  readonly severalUpdates?: boolean;
}

/**
 * `clippedPolicyLoss` of answers with one advantage each, a mean as `mean` says (`policy`), and β KL(π ‖ π_ref), a mean of the same kind
 * (`kl`): Shao 2024, GRPO (2402.03300), equation 3.
 *
 * With one update for each batch of answers π_old is π itself, as the policy that is trained has just written them: ρ = 1, and its
 * gradient is that of ln π. So nothing is computed for it.
 *
 * `entropy` is that of the policy which wrote, −ln π_old of what was drawn; `kl`, k3 of π_old to π, and `clippedLow`, `clippedHigh`, the
 * shares of tokens that earn no more, are watched with several updates; `referenceKl` where β is not 0. All are means over tokens.
 *
 * @throws TrainbookError if a bound is out of range.
 * @example
 * const objective = grpoObjective({ clipLow: 0.2, clipHigh: 0.28, beta: 0.04 });
 */
export function grpoObjective(
  options: GrpoObjectiveOptions = {},
): <Weights>(model: TokenPredictor<Weights>) => Loss<Weights, GroupBatch> {
  const { beta = 0, estimator = 'k3', temperature = 1, severalUpdates = false, mean = 'tokens' } = options;
  const watched = [
    'entropy',
    ...(severalUpdates ? ['kl', 'clippedLow', 'clippedHigh'] : []),
    ...(beta > 0 ? ['referenceKl'] : []),
  ];
  return (model) => ({
    shares: { policy: 1, ...(beta > 0 && { reference: beta }) },
    watched,
    unit: 'tokens',
    size: ({ mask }) => mask.reduce((sum, counts) => sum + counts, 0),
    tensors: (batch) => ({
      ...answerTensors(batch),
      advantages: tf.tensor1d(batch.advantages),
      ...tokenNumbers(batch, { old: batch.old, reference: batch.reference }),
    }),
    counts: (batch) => {
      const mask = batch['mask'] as tf.Tensor2D;
      const { count } = tokenMean(mask, mask, mean);
      return { policy: count, reference: count, ...tokenCounts(watched, mask) };
    },
    sums: (weights, batch, computing = {}) => {
      const mask = batch['mask'] as tf.Tensor2D;
      const tokens = { inputs: batch['inputs'] as tf.Tensor, targets: batch['targets'] as tf.Tensor, temperature };
      const logProbabilities = whereCounted(tokenLogProbabilities(model, weights, tokens, computing), mask);
      const oldLogProbabilities = (batch['old'] as tf.Tensor2D | undefined) ?? stopGradient(logProbabilities);
      const { sum, statistics } = clippedPolicyLoss(
        { logProbabilities, oldLogProbabilities, advantages: batch['advantages'] as tf.Tensor1D, mask },
        options,
      );
      const { sampledEntropy: entropy, approximateKl: kl, clippedLow, clippedHigh } = statistics;
      const seen: PartSums = { policy: sum, entropy, kl, clippedLow, clippedHigh };
      if (beta === 0) return seen;
      const distances = klEstimates(logProbabilities, batch['reference'] as tf.Tensor2D, estimator);
      return {
        ...seen,
        reference: tokenMean(distances, mask, mean).sum,
        referenceKl: stopGradient(tokenMean(distances, mask, 'tokens').sum),
      };
    },
  });
}

/** What is watched is a mean over tokens. */
export function tokenCounts(watched: readonly string[], mask: tf.Tensor2D): PartSums {
  const numTokens = tf.sum<tf.Scalar>(mask);
  return Object.fromEntries(watched.map((name) => [name, numTokens]));
}
