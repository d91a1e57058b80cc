import * as tf from '@tensorflow/tfjs';
import { scan } from '../../../engine/scan.js';
import type { Computing } from '../../loss.js';
import { tokenLosses } from '../cross-entropy.js';
import { refusePieces, rowPieces } from '../token-predictor.js';
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
 * In pieces as `computing.chunks` says: as many rows of logits at a time, which are made again in the backward pass (`scan`), since what
 * a piece's gradient is to be multiplied by is known only when all rows are.
 *
 * @throws TrainbookError if pieces are asked for, and the model does not say what its logits are made from.
 * @example
 * const { sums } = answerLogProbabilities(architecture, weights, { inputs, targets, weights: counted });
 */
export function answerLogProbabilities<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  batch: CountedTokens & { readonly inputs: tf.Tensor },
  { chunks = 1, ...computing }: Computing = {},
): AnswerLogProbabilities {
  const { inputs, targets, weights: counted } = batch;
  const losses =
    chunks === 1
      ? ofLogits(model.forward(weights, inputs, computing), targets)
      : inPieces(model, weights, { inputs, targets, computing }, chunks);
  const sums = tf.neg(tf.sum<tf.Tensor1D>(tf.mul(tf.reshape(losses, counted.shape), counted), 1));
  return { sums, means: tf.div<tf.Tensor1D>(sums, tf.maximum(tf.sum(counted, 1), 1e-6)) };
}

/** [..., vocabulary], int32 [...] → [rows] */
function ofLogits(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor1D {
  return tokenLosses(tf.reshape<tf.Rank.R2>(logits, [-1, logits.shape.at(-1) ?? 0]), tf.reshape(targets, [-1]));
}

interface Reading {
  readonly inputs: tf.Tensor;
  readonly targets: tf.Tensor;
  readonly computing: Omit<Computing, 'chunks'>;
}

function inPieces<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  { inputs, targets, computing }: Reading,
  chunks: number,
): tf.Tensor1D {
  const states = model.hidden?.(weights, inputs, computing) ?? refusePieces(chunks);
  const numRows = targets.size;
  const cut = rowPieces(numRows, chunks);
  const { outputs } = scan(
    (_, [piece, wanted]) => {
      if (piece === undefined || wanted === undefined) throw new Error('internal: a piece without states');
      const logits = model.logits?.(weights, piece) ?? refusePieces(chunks);
      return { carry: [], outputs: [ofLogits(logits, wanted)] };
    },
    [],
    [cut(states, [states.shape.at(-1) ?? 0]), cut(targets, [])],
  );
  const [losses] = outputs;
  if (losses === undefined) throw new Error('internal: no losses of pieces');
  return tf.slice(tf.reshape<tf.Rank.R1>(losses, [-1]), [0], [numRows]);
}
