import * as tf from '@tensorflow/tfjs';
import { scan } from '../../engine/scan.js';
import type { Computing } from '../loss.js';
import { tokenLosses } from './cross-entropy.js';
import { refusePieces, rowPieces } from './token-predictor.js';
import type { TokenPredictor } from './token-predictor.js';

/** Tokens, and those that come after each. */
export interface FollowedTokens {
  readonly inputs: tf.Tensor; // int32 [batch, time]
  readonly targets: tf.Tensor; // int32 [batch, time]
  /** Divides the logits: what was drawn at a temperature is as likely as it was then. Default: 1. */
  readonly temperature?: number;
}

/**
 * ln p of each token, given those before it: log softmax(z / temperature)[y], [batch, time].
 *
 * In pieces as `computing.chunks` says: as many rows of logits at a time, which are made again in the backward pass (`scan`), since what
 * a piece's gradient is to be multiplied by is known only when all rows are.
 *
 * @throws TrainbookError if pieces are asked for, and the model does not say what its logits are made from.
 * @example
 * const ofTokens = tokenLogProbabilities(architecture, weights, { inputs, targets });
 */
export function tokenLogProbabilities<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  tokens: FollowedTokens,
  { chunks = 1, ...computing }: Computing = {},
): tf.Tensor2D {
  const { inputs, targets, temperature = 1 } = tokens;
  if (chunks === 1) return ofLogits(model.forward(weights, inputs, computing), targets, temperature);
  const states = model.hidden?.(weights, inputs, computing) ?? refusePieces(chunks);
  const logitsOf = (piece: tf.Tensor): tf.Tensor => model.logits?.(weights, piece) ?? refusePieces(chunks);
  return stateLogProbabilities(logitsOf, states, tokens, chunks);
}

/**
 * The same from hidden states [batch, time, width], where something else is made of them too.
 *
 * @example
 * const ofTokens = stateLogProbabilities((piece) => architecture.logits(weights, piece), states, { targets }, 4);
 */
export function stateLogProbabilities(
  logitsOf: (hidden: tf.Tensor) => tf.Tensor,
  states: tf.Tensor,
  { targets, temperature = 1 }: Omit<FollowedTokens, 'inputs'>,
  chunks = 1,
): tf.Tensor2D {
  if (chunks === 1) return ofLogits(logitsOf(states), targets, temperature);
  const numRows = targets.size;
  const cut = rowPieces(numRows, chunks);
  const { outputs } = scan(
    (_, [piece, wanted]) => {
      if (piece === undefined || wanted === undefined) throw new Error('internal: a piece without states');
      return { carry: [], outputs: [ofLogits(logitsOf(piece), wanted, temperature)] };
    },
    [],
    [cut(states, [states.shape.at(-1) ?? 0]), cut(targets, [])],
  );
  const [pieces] = outputs;
  if (pieces === undefined) throw new Error('internal: no log-probabilities of pieces');
  return tf.reshape(tf.slice(tf.reshape<tf.Rank.R1>(pieces, [-1]), [0], [numRows]), targets.shape as [number, number]);
}

/** [..., vocabulary], int32 [...] → [...] */
function ofLogits(logits: tf.Tensor, targets: tf.Tensor, temperature: number): tf.Tensor2D {
  const rows = tf.reshape<tf.Rank.R2>(logits, [-1, logits.shape.at(-1) ?? 0]);
  const tempered = temperature === 1 ? rows : tf.div<tf.Tensor2D>(rows, temperature);
  const losses = tokenLosses(tempered, tf.reshape(targets, [-1]));
  return tf.reshape(tf.neg(losses), targets.shape as [number, number]);
}
