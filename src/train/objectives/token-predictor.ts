import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';
import { sumPieces } from '../../engine/sum-pieces.js';
import { TrainbookError } from '../../error.js';
import type { ForwardOptions, RoutedStates } from '../../model/decoder.js';
import { tokenLosses, zLosses } from './cross-entropy.js';
import { checkExpertLoss, expertShares, expertSums, watchedOfExperts } from './expert-balance.js';
import type { ExpertLossSettings } from './expert-balance.js';
import type { Computing, PartSums } from '../loss.js';

// Legend: rows = batch × time.

/**
 * What can be trained to predict tokens: logits [batch, time, vocabulary] of weights that are a tree of tensors. A decoder is one; so
 * is an adapter beside a model, and an encoder with its head for masked tokens (`withHead`).
 */
export interface TokenPredictor<Weights> {
  forward(weights: Weights, inputs: tf.Tensor, options?: TokenPredictorOptions): tf.Tensor;
  /** What the logits are made from: [batch, time, width]. With `logits` it allows to compute these in pieces. */
  hidden?(weights: Weights, inputs: tf.Tensor, options?: TokenPredictorOptions): tf.Tensor;
  /** The same, and how experts were routed: for `experts` in the loss. */
  routed?(weights: Weights, inputs: tf.Tensor, options?: TokenPredictorOptions): RoutedStates;
  /** [..., width] → [..., vocabulary] */
  logits?(weights: Weights, hidden: tf.Tensor): tf.Tensor;
}

/** How a batch of tokens is read. */
export interface TokenPredictorOptions extends Pick<
  ForwardOptions,
  'documents' | 'positions' | 'prefix' | 'blockPositions' | 'dropoutKey' | 'recompute'
> {
  /** int32 [batch, time]: the kind of each token, in an encoder. */
  readonly types?: tf.Tensor | undefined;
}

/** What beside the cross-entropy of tokens is made smaller. */
export interface TokenLossSettings {
  /** z in z · (log Σ exp logits)², a part of the loss of its own, `zLoss`; 1e-4 in PaLM. Default: none. */
  readonly zLoss?: number | undefined;
  /** The share of the target that is spread evenly over all tokens, as in PyTorch's cross_entropy. Default: 0. */
  readonly labelSmoothing?: number | undefined;
  /** What keeps experts equally loaded, for a model that has some; with `{}` their load is only watched. Default: none. */
  readonly experts?: ExpertLossSettings | undefined;
}

/** @throws TrainbookError if a number is out of range. */
export function checkTokenLoss(what: string, { zLoss, labelSmoothing = 0, experts }: TokenLossSettings): void {
  if (experts !== undefined) checkExpertLoss(what, experts);
  if (zLoss !== undefined && !(zLoss > 0 && Number.isFinite(zLoss))) {
    throw new TrainbookError({
      what: `${what}: no such zLoss`,
      received: zLoss,
      expected: 'a number above 0, or none',
    });
  }
  checkLabelSmoothing(what, labelSmoothing);
}

/** @throws TrainbookError if it is out of range. */
export function checkLabelSmoothing(what: string, labelSmoothing: number): void {
  if (labelSmoothing >= 0 && labelSmoothing < 1) return;
  throw new TrainbookError({
    what: `${what}: no such labelSmoothing`,
    received: labelSmoothing,
    expected: 'a share from 0 up to 1, without 1',
  });
}

/** The shares of the loss of tokens, by the name of its first part, of the z-loss, and of what is for experts. */
export function tokenShares(name: string, { zLoss, experts }: TokenLossSettings): Readonly<Record<string, number>> {
  return { [name]: 1, ...(zLoss !== undefined && { zLoss }), ...(experts && expertShares(experts)) };
}

/** What is only watched. */
export function tokensWatched({ experts }: TokenLossSettings): readonly string[] {
  return experts === undefined ? [] : watchedOfExperts;
}

/** One count for each of `tokenShares`, and of what is watched. */
export function tokenCounts(name: string, settings: TokenLossSettings, weights: tf.Tensor): PartSums {
  const count = tf.sum<tf.Scalar>(weights);
  const names = [...Object.keys(tokenShares(name, settings)), ...tokensWatched(settings)];
  return Object.fromEntries(names.map((each) => [each, count]));
}

/** What is to be predicted, and how much each counts. */
export interface CountedTokens {
  readonly targets: tf.Tensor; // int32 [batch, time]
  readonly weights: tf.Tensor; // float32 [batch, time]
}

/** Σ w ℓ of tokens from logits that are there: [batch, time, vocabulary]. */
export function sumTokenLosses(
  name: string,
  settings: TokenLossSettings,
  logits: tf.Tensor,
  { targets, weights }: CountedTokens,
): PartSums {
  const rows = tf.reshape<tf.Rank.R2>(logits, [-1, logits.shape.at(-1) ?? 0]);
  const counted = tf.reshape(weights, [-1]);
  const sum = (losses: tf.Tensor1D): tf.Scalar => tf.sum(tf.mul(losses, counted));
  return {
    [name]: sum(tokenLosses(rows, tf.reshape(targets, [-1]), settings)),
    ...(settings.zLoss !== undefined && { zLoss: sum(zLosses(rows)) }),
  };
}

/**
 * What cuts tensors of `numRows` rows, each of a shape, into `chunks` pieces: [pieces, size, …]; the last piece is filled up with zeros,
 * which do not count.
 */
export function rowPieces(numRows: number, chunks: number): (tensor: tf.Tensor, ofRow: readonly number[]) => tf.Tensor {
  const numPieces = Math.min(chunks, numRows);
  const size = Math.ceil(numRows / numPieces);
  const lacking = numPieces * size - numRows;
  return (tensor, ofRow) => {
    const rows = tf.reshape(tensor, [numRows, ...ofRow]);
    const filled = lacking === 0 ? rows : tf.concat([rows, tf.zeros([lacking, ...ofRow], tensor.dtype)]);
    return tf.reshape(filled, [numPieces, size, ...ofRow]);
  };
}

/**
 * The same from hidden states [batch, time, width], of which a piece at a time is made into logits, with the gradients of the piece
 * (`sumPieces`).
 *
 * Both parts are divided by one count, so the gradient of Σ w (ℓ + z (log Σ exp)²) is taken at once, by the first part; the second is
 * a number without gradient.
 */
export function sumTokenLossesInPieces(
  name: string,
  settings: TokenLossSettings,
  logitsOf: (hidden: tf.Tensor) => tf.Tensor,
  hidden: tf.Tensor,
  { targets, weights }: CountedTokens,
  chunks: number,
): PartSums {
  const { zLoss } = settings;
  const cut = rowPieces(targets.size, chunks);
  const pieces = [cut(hidden, [hidden.shape.at(-1) ?? 0]), cut(targets, []), cut(weights, [])];
  const { sum, told } = sumPieces(
    ([states, wanted, counted]) => {
      const logits = logitsOf(states as tf.Tensor) as tf.Tensor2D;
      const of = (losses: tf.Tensor): tf.Scalar => tf.sum(tf.mul(losses, counted as tf.Tensor));
      const losses = of(tokenLosses(logits, wanted as tf.Tensor1D, settings));
      if (zLoss === undefined) return { sum: losses, told: [] };
      const squares = of(zLosses(logits));
      return { sum: tf.add(losses, tf.mul(squares, zLoss)), told: [squares] };
    },
    pieces,
    zLoss === undefined ? 0 : 1,
  );
  const [squares] = told;
  if (zLoss === undefined || squares === undefined) return { [name]: sum };
  return { [name]: tf.sub<tf.Scalar>(sum, tf.mul(stopGradient(squares), zLoss)), zLoss: stopGradient(squares) };
}

/**
 * Σ w ℓ of the tokens that a model predicts, at once or in pieces as `computing` says.
 *
 * @throws TrainbookError if pieces are asked for, and the model does not say what its logits are made from.
 */
export function sumPredictedTokens<Weights>(
  name: string,
  settings: TokenLossSettings,
  model: TokenPredictor<Weights>,
  weights: Weights,
  batch: CountedTokens & { readonly inputs: tf.Tensor } & TokenPredictorOptions,
  { chunks = 1, ...computing }: Computing,
): PartSums {
  const { inputs, documents, positions, prefix, blockPositions, types } = batch;
  const reading = { documents, positions, prefix, blockPositions, types, ...computing };
  const { experts } = settings;
  if (chunks === 1 && experts === undefined)
    return sumTokenLosses(name, settings, model.forward(weights, inputs, reading), batch);
  const routed = experts && (model.routed?.(weights, inputs, reading) ?? refuseExperts());
  const states = routed?.hidden ?? model.hidden?.(weights, inputs, reading) ?? refusePieces(chunks);
  const logitsOf = (rows: tf.Tensor): tf.Tensor => model.logits?.(weights, rows) ?? refusePieces(chunks);
  const sums =
    chunks === 1
      ? sumTokenLosses(name, settings, logitsOf(states), batch)
      : sumTokenLossesInPieces(name, settings, logitsOf, states, batch, chunks);
  return { ...sums, ...(experts && routed && expertSums(experts, routed.routing, batch.weights)) };
}

function refuseExperts(): never {
  throw new TrainbookError({
    what: 'train: this model does not say how its experts are routed',
    received: 'the setting experts, and a model without `routed`, such as an adapter',
    expected: 'a decoder with experts',
    fix: 'leave out the setting experts of the objective',
  });
}

/** @throws TrainbookError always: pieces are asked for, and the model does not say what its logits are made from. */
export function refusePieces(chunks: number): never {
  throw new TrainbookError({
    what: 'train: this model gives its logits only all at once, so they cannot be computed in pieces',
    received: `lossChunks ${chunks}, a model with forward alone`,
    expected: 'a model with hidden and logits beside forward, such as a decoder',
    fix: 'leave out lossChunks; microBatch saves memory too',
  });
}
