import * as tf from '@tensorflow/tfjs';
import type { EncoderDecoderForwardOptions, SourceAndTarget } from '../../model/encoder-decoder/encoder-decoder.js';
import type { SequenceBatch } from '../../tokens/sequences/sequence-loader.js';
import type { Loss } from '../loss.js';
import {
  checkTokenLoss,
  refusePieces,
  sumTokenLosses,
  sumTokenLossesInPieces,
  tokenCounts,
  tokenShares,
} from './token-predictor.js';
import type { TokenLossSettings } from './token-predictor.js';

/** What can be trained to write targets to sources: an encoder–decoder is one. */
export interface SequencePredictor<Weights> {
  readonly config: { readonly startToken: number };
  /** Logits [batch, targetTime, vocabulary]. */
  forward(weights: Weights, inputs: SourceAndTarget, options?: EncoderDecoderForwardOptions): tf.Tensor;
  /** What the logits are made from: [batch, targetTime, width]. With `logits` it allows to compute these in pieces. */
  hidden?(weights: Weights, inputs: SourceAndTarget, options?: EncoderDecoderForwardOptions): tf.Tensor;
  /** [..., width] → [..., vocabulary] */
  logits?(weights: Weights, hidden: tf.Tensor): tf.Tensor;
}

/** The tensors of a batch of sources and targets. */
export type SequenceTensors = {
  readonly sources: tf.Tensor; // int32 [batch, sourceTime]
  readonly mask: tf.Tensor; // int32 [batch, sourceTime]
  readonly targets: tf.Tensor; // int32 [batch, targetTime]
  readonly weights: tf.Tensor; // float32 [batch, targetTime]
};

/** A batch as tensors. */
export function sequenceTensors({
  sources,
  targets,
  weights,
  batchSize,
  targetContext,
}: SequenceBatch): SequenceTensors {
  const ofSources: [number, number] = [batchSize, sources.context];
  const ofTargets: [number, number] = [batchSize, targetContext];
  return {
    sources: tf.tensor2d(sources.inputs, ofSources, 'int32'),
    mask: tf.tensor2d(sources.mask, ofSources, 'int32'),
    targets: tf.tensor2d(targets, ofTargets, 'int32'),
    weights: tf.tensor2d(weights, ofTargets),
  };
}

/** What the decoder is given for targets: the start token, and all of them but the last. int32 [batch, time] → the same. */
export function shiftRight(targets: tf.Tensor, startToken: number): tf.Tensor {
  const [batch, time] = targets.shape as [number, number];
  return tf.concat([tf.fill([batch, 1], startToken, 'int32'), tf.slice(targets, [0, 0], [batch, time - 1])], 1);
}

/**
 * −log softmax(x)[y] of each target token y that counts, given the source and the target's tokens before it, in nats: Sutskever 2014
 * (1409.3215), with teacher forcing; with span corruption for data T5's pretraining objective (Raffel 2019, 1910.10683), with UL2's
 * denoisers UL2's (Tay 2022, 2205.05131).
 *
 * A plan's `lossChunks` computes the logits in so many pieces of batch × time, and the gradients of a piece with it.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * await train(model, { objective: sequenceToSequence(), data: (options) => sequenceLoader(pairs, sizes, options), … });
 */
export function sequenceToSequence(
  settings: TokenLossSettings = {},
): <Weights>(model: SequencePredictor<Weights>) => Loss<Weights, SequenceBatch> {
  checkTokenLoss('sequenceToSequence', settings);
  return (model) => ({
    shares: tokenShares('loss', settings),
    unit: 'tokens',
    size: ({ batchSize, targetContext, sources }) => batchSize * (sources.context + targetContext),
    tensors: sequenceTensors,
    counts: (batch) => tokenCounts('loss', settings, (batch as SequenceTensors).weights),
    sums: (weights, batch, { chunks = 1, dropoutKey, recompute } = {}) => {
      const { sources, mask, ...counted } = batch as SequenceTensors;
      const inputs = { source: sources, target: shiftRight(counted.targets, model.config.startToken) };
      const reading = { sourceDocuments: mask, dropoutKey, recompute };
      if (chunks === 1) return sumTokenLosses('loss', settings, model.forward(weights, inputs, reading), counted);
      const states = model.hidden?.(weights, inputs, reading) ?? refusePieces(chunks);
      const logitsOf = (rows: tf.Tensor): tf.Tensor => model.logits?.(weights, rows) ?? refusePieces(chunks);
      return sumTokenLossesInPieces('loss', settings, logitsOf, states, counted, chunks);
    },
  });
}
