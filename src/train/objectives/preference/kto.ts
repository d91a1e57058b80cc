import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../../error.js';
import type { JudgedBatch } from '../../../tokens/preference/judged-answers.js';
import type { Computing, RowTensors } from '../../loss.js';
import type { TokenPredictor } from '../token-predictor.js';
import { answerLogProbabilities } from './answer-log-probabilities.js';
import { answerTensors } from './pair-objective.js';
import { checkNumber } from './preference-losses.js';
import type { PreferenceObjective, Reference, ReferenceModel } from './preference-objective.js';

export interface KtoOptions {
  /** β: how much leaving the reference costs. Default: 0.1. */
  readonly beta?: number;
  /** λ of answers that were liked. Default: 1. */
  readonly desirableWeight?: number;
  /** λ of the others. Default: 1. Both together should weigh about as much as the other kind: λ₁ n₁ ≈ λ₂ n₂. */
  readonly undesirableWeight?: number;
}

/** A loss for each answer, and its reward, without gradient. */
export interface KtoLosses {
  readonly losses: tf.Tensor1D; // [batch]
  readonly rewards: tf.Tensor1D; // [batch]
}

/**
 * λ (1 − σ(±β (r − z))) for each answer, + for one that was liked, with r = ln π − ln ρ of policy and reference, summed over its tokens,
 * [batch]. z is how far the policy is from the reference on the whole (`mismatchedKl`): losses count more than gains, from there on.
 * `desirable` [batch] is 1 for an answer that was liked, else 0. Ethayarajh 2024, "KTO: Model Alignment as Prospect Theoretic
 * Optimization" (2402.01306), equation 7. A reward is β r.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * const { losses } = ktoLosses(policy, reference, desirable, mismatchedKl(policyOfOthers, referenceOfOthers));
 */
export function ktoLosses(
  policy: tf.Tensor1D,
  reference: tf.Tensor1D,
  desirable: tf.Tensor1D,
  kl: tf.Scalar,
  options: KtoOptions = {},
): KtoLosses {
  const { beta = 0.1, desirableWeight = 1, undesirableWeight = 1 } = options;
  checkKto(options);
  const ratio = tf.sub<tf.Tensor1D>(policy, stopGradient(reference));
  const sign = tf.sub(tf.mul(desirable, 2), 1); // [batch]
  const importance = tf.add(tf.mul(desirable, desirableWeight - undesirableWeight), undesirableWeight); // [batch]
  // 1 − σ(x) = σ(−x), which does not cancel.
  const worse = tf.sigmoid(tf.mul(tf.mul(tf.sub(stopGradient(kl), ratio), sign), beta));
  return { losses: tf.mul(importance, worse), rewards: stopGradient(tf.mul(ratio, beta)) };
}

/**
 * max(0, Σ w (ln π − ln ρ) / Σ w) of answers that are to other prompts, without gradient: z in `ktoLosses`, a biased estimate of
 * KL(π ‖ ρ). `weights` [batch] default to 1.
 *
 * @example
 * mismatchedKl(tf.tensor1d([-10, -12]), tf.tensor1d([-11, -12])); // 0.5
 */
export function mismatchedKl(
  policy: tf.Tensor1D,
  reference: tf.Tensor1D,
  weights: tf.Tensor1D = tf.onesLike(policy),
): tf.Scalar {
  return clampedMean(tf.sum<tf.Scalar>(tf.mul(tf.sub(policy, reference), weights)), tf.sum<tf.Scalar>(weights));
}

/** max(0, sum / count), without gradient. */
function clampedMean(sum: tf.Scalar | undefined, count: tf.Scalar | undefined): tf.Scalar {
  if (sum === undefined || count === undefined)
    throw new Error('internal: kto was not given the sums of the whole batch');
  return stopGradient(tf.maximum<tf.Scalar>(tf.div(sum, tf.maximum(count, 1e-6)), 0));
}

/**
 * `ktoLosses` of a model's answers, a mean over them. The reference is a frozen model, such as the one that training starts from or an
 * adapter's base. z is of the whole batch: a first pass, without gradient, finds it. Watched are the mean rewards of the answers that were
 * liked and of the others, and z in nats (`divergence`).
 *
 * @throws TrainbookError if a number is out of range, or there is no reference when it is made into a loss.
 * @example
 * await train(model, {
 *   objective: kto({ beta: 0.1, reference: model }),
 *   data: (options) => judgedLoader(answers, { context: 512, padding: 0 }, options),
 *   …
 * });
 */
export function kto(options: KtoOptions & { readonly reference?: Reference } = {}): PreferenceObjective<JudgedBatch> {
  checkKto(options);
  const objective: PreferenceObjective<JudgedBatch> = (model, given) => {
    const frozen = modelOf(options.reference ?? given);
    return {
      shares: { loss: 1 },
      watched: ['desirableReward', 'undesirableReward', 'divergence'],
      unit: 'examples',
      size: ({ batchSize }) => batchSize,
      tensors: ({ answers, mismatched, desirable, weights, batchSize }) => ({
        ...answerTensors('answers', answers, batchSize),
        ...answerTensors('mismatched', mismatched, batchSize),
        desirable: tf.tensor1d(desirable),
        weights: tf.tensor1d(weights),
      }),
      counts: (batch) => {
        const [weights, liked] = [batch['weights'] as tf.Tensor1D, likedWeights(batch)];
        const all = tf.sum<tf.Scalar>(weights);
        const desirableReward = tf.sum<tf.Scalar>(liked);
        return { loss: all, desirableReward, undesirableReward: tf.sub(all, desirableReward), divergence: all };
      },
      whole: {
        names: ['logRatios', 'answers'],
        sums: (weights, batch, { chunks } = {}) => {
          const counted = batch['weights'] as tf.Tensor1D;
          const policy = sumsOf(model, weights, batch, 'mismatched', { chunks });
          const reference = sumsOf(frozen.architecture, frozen.weights, batch, 'mismatched', { chunks });
          return {
            logRatios: stopGradient(tf.sum<tf.Scalar>(tf.mul(tf.sub(policy, reference), counted))),
            answers: tf.sum<tf.Scalar>(counted),
          };
        },
      },
      sums: (weights, batch, { whole, ...computing } = {}) => {
        const [counted, liked] = [batch['weights'] as tf.Tensor1D, likedWeights(batch)];
        const kl = clampedMean(whole?.['logRatios'], whole?.['answers']);
        const policy = sumsOf(model, weights, batch, 'answers', computing);
        const { chunks } = computing;
        const reference = stopGradient(sumsOf(frozen.architecture, frozen.weights, batch, 'answers', { chunks }));
        const { losses, rewards } = ktoLosses(policy, reference, batch['desirable'] as tf.Tensor1D, kl, options);
        return {
          loss: tf.sum(tf.mul(losses, counted)),
          desirableReward: tf.sum(tf.mul(rewards, liked)),
          undesirableReward: tf.sum(tf.mul(rewards, tf.sub(counted, liked))),
          divergence: tf.mul(kl, tf.sum(counted)),
        };
      },
    };
  };
  const { reference, beta = 0.1, desirableWeight = 1, undesirableWeight = 1 } = options;
  const identity = { kto: { beta, desirableWeight, undesirableWeight } };
  return Object.assign(objective, { lacksReference: reference === undefined, identity });
}

/** The weights of answers that were liked, and 0 for the others: [batch] */
function likedWeights(batch: RowTensors): tf.Tensor1D {
  return tf.mul(batch['weights'] as tf.Tensor1D, batch['desirable'] as tf.Tensor1D);
}

function modelOf(reference: Reference | undefined): ReferenceModel {
  if (reference !== undefined) return reference;
  throw new TrainbookError({
    what: 'kto: there is nothing to compare the policy with',
    received: 'no reference',
    expected:
      'a frozen model: each answer is also compared beside another prompt of its batch, so no numbers can be stored',
    fix: 'kto({ reference: model }), or prefer(model, …), which gives it',
  });
}

/** ln p of each answer: [batch] */
function sumsOf<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  batch: RowTensors,
  side: string,
  computing: Computing,
): tf.Tensor1D {
  const rows = {
    inputs: batch[`${side}.inputs`] as tf.Tensor,
    targets: batch[`${side}.targets`] as tf.Tensor,
    weights: batch[`${side}.weights`] as tf.Tensor,
  };
  return answerLogProbabilities(model, weights, rows, computing).sums;
}

function checkKto({ beta = 0.1, desirableWeight = 1, undesirableWeight = 1 }: KtoOptions): void {
  checkNumber('kto', 'beta', beta, 0);
  checkNumber('kto', 'desirableWeight', desirableWeight, 0, true);
  checkNumber('kto', 'undesirableWeight', undesirableWeight, 0, true);
}
