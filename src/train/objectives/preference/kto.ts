import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import type { JudgedBatch } from '../../../tokens/preference/judged-answers.js';
import type { Computing, Loss, RowTensors } from '../../loss.js';
import type { TokenPredictor } from '../token-predictor.js';
import { answerLogProbabilities } from './answer-log-probabilities.js';
import { answerTensors } from './pair-objective.js';
import type { Reference, ReferenceModel } from './pair-objective.js';
import { checkNumber } from './preference-losses.js';

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
  const sum = tf.sum(tf.mul(tf.sub(policy, reference), weights));
  return stopGradient(tf.maximum<tf.Scalar>(tf.div(sum, tf.maximum(tf.sum(weights), 1e-6)), 0));
}

/**
 * `ktoLosses` of a model's answers, a mean over them. The reference is a frozen model, such as the one that training starts from or an
 * adapter's base. As z is of the whole batch, a batch cannot be computed in pieces.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * await train(model, {
 *   objective: kto({ beta: 0.1, reference: model }),
 *   data: (options) => judgedLoader(answers, { context: 512, padding: 0 }, options),
 *   …
 * });
 */
export function kto(
  options: KtoOptions & { readonly reference: Reference },
): <Weights>(model: TokenPredictor<Weights>) => Loss<Weights, JudgedBatch> {
  checkKto(options);
  const frozen = options.reference as ReferenceModel;
  return (model) => ({
    shares: { loss: 1 },
    unit: 'examples',
    size: ({ batchSize }) => batchSize,
    rowsTogether: true,
    tensors: ({ answers, mismatched, desirable, weights, batchSize }) => ({
      ...answerTensors('answers', answers, batchSize),
      ...answerTensors('mismatched', mismatched, batchSize),
      desirable: tf.tensor1d(desirable),
      weights: tf.tensor1d(weights),
    }),
    counts: ({ weights }) => ({ loss: tf.sum<tf.Scalar>(weights as tf.Tensor) }),
    sums: (weights, batch, computing = {}) => {
      const { chunks } = computing;
      const counted = batch['weights'] as tf.Tensor1D;
      const [policyOfOthers, referenceOfOthers] = [
        sumsOf(model, weights, batch, 'mismatched', { chunks }),
        sumsOf(frozen.architecture, frozen.weights, batch, 'mismatched', { chunks }),
      ];
      const kl = mismatchedKl(stopGradient(policyOfOthers), stopGradient(referenceOfOthers), counted);
      const policy = sumsOf(model, weights, batch, 'answers', computing);
      const reference = stopGradient(sumsOf(frozen.architecture, frozen.weights, batch, 'answers', { chunks }));
      const { losses } = ktoLosses(policy, reference, batch['desirable'] as tf.Tensor1D, kl, options);
      return { loss: tf.sum(tf.mul(losses, counted)) };
    },
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
