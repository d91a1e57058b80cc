import * as tf from '@tensorflow/tfjs';
import type { Computing } from '../../loss.js';
import { tokenLogProbabilities } from '../token-log-probabilities.js';
import type { CountedTokens, TokenPredictor } from '../token-predictor.js';

/** What a model says of answers, each given its prompt. */
export interface AnswerLogProbabilities {
  /** Σ w ln p over the tokens of each answer. */
  readonly sums: tf.Tensor1D; // [rows]
  /** Σ w ln p / Σ w; 0 for a row without an answer. */
  readonly means: tf.Tensor1D; // [rows]
}

/**
 * ln p(answer | prompt) of each row = Σₜ wₜ log softmax(zₜ)[yₜ]: tokens and weights [rows, time] → [rows].
 *
 * In pieces as `computing.chunks` says.
 *
 * @throws TrainbookError if pieces are asked for, and the model does not say what its logits are made from.
 * @example
 * const { sums } = answerLogProbabilities(architecture, weights, { inputs, targets, weights: counted });
 */
export function answerLogProbabilities<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  batch: CountedTokens & { readonly inputs: tf.Tensor },
  computing: Computing = {},
): AnswerLogProbabilities {
  const { weights: counted } = batch;
  const sums = tf.sum<tf.Tensor1D>(tf.mul(tokenLogProbabilities(model, weights, batch, computing), counted), 1);
  return { sums, means: tf.div<tf.Tensor1D>(sums, tf.maximum(tf.sum(counted, 1), 1e-6)) };
}
