import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { TextPairBatch } from '../../tokens/text-pairs.js';
import { tokenLosses } from './cross-entropy.js';
import type { Loss } from '../loss.js';
import { textTensors } from './labelled-rows.js';
import type { RowReading } from './labelled-rows.js';

/** How embeddings are compared. */
export interface ContrastiveOptions {
  /** τ: cosines are divided by it. Default: 0.05, a scale of 20. */
  readonly temperature?: number;
  /** Whether each positive is to find its anchor too; the loss is the mean of both directions. Default: no. */
  readonly symmetric?: boolean;
}

/** What gives a vector for each text, of any length: `textEmbedder(trunk)`. */
export interface Embedder<Weights> {
  /** int32 [batch, time] → [batch, width] */
  forward(weights: Weights, inputs: tf.Tensor, options?: RowReading): tf.Tensor2D;
}

/**
 * −log of the softmax over all positives of a batch of cos(a, p) / τ, at the anchor's own: the others are its negatives. InfoNCE:
 * van den Oord 2018 (1807.03748); as sentence-transformers' MultipleNegativesRankingLoss with scale 1 / τ, Henderson 2017 (1705.00652).
 * Hard negatives, where a batch has some, are candidates of all anchors beside the positives. `symmetric` is
 * MultipleNegativesSymmetricRankingLoss, and CLIP's loss: Radford 2021 (2103.00020).
 *
 * Rows compare each other: a batch cannot be computed in pieces. A row of weight 0 neither asks nor is a candidate.
 *
 * @throws TrainbookError if the temperature is not above 0.
 * @example
 * await train({ architecture: textEmbedder(trunk), weights }, {
 *   objective: contrastive({ temperature: 0.05 }),
 *   data: (options) => textPairLoader(pairs, { context: 64, padding: 0 }, options),
 *   …
 * });
 */
export function contrastive(
  options: ContrastiveOptions = {},
): <Weights>(model: Embedder<Weights>) => Loss<Weights, TextPairBatch> {
  const { temperature = 0.05, symmetric = false } = options;
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new TrainbookError({
      what: 'contrastive: no such temperature',
      received: temperature,
      expected: 'a number above 0',
    });
  }
  return (model) => ({
    shares: { loss: 1 },
    unit: 'examples',
    size: ({ batchSize }) => batchSize,
    rowsTogether: true,
    tensors: ({ anchors, positives, negatives, weights, batchSize }) => {
      const sides = { anchors, positives, ...(negatives && { negatives }) };
      const named = Object.entries(sides).flatMap(([side, texts]) =>
        Object.entries(textTensors(texts, batchSize)).map(([name, tensor]) => [`${side}.${name}`, tensor] as const),
      );
      return { ...Object.fromEntries(named), weights: tf.tensor1d(weights) };
    },
    counts: ({ weights }) => ({ loss: tf.sum<tf.Scalar>(weights as tf.Tensor) }),
    sums: (weights, batch, { dropoutKey, recompute } = {}) => {
      /** Vectors of length 1: [batch, width]; undefined if the batch has no such texts. */
      const embed = (side: string): tf.Tensor2D | undefined => {
        const inputs = batch[`${side}.inputs`];
        if (inputs === undefined) return undefined;
        const reading = { mask: batch[`${side}.mask`], types: batch[`${side}.types`], dropoutKey, recompute };
        return normalised(model.forward(weights, inputs, reading));
      };
      const counted = batch['weights'] as tf.Tensor1D;
      const [anchors, positives, negatives] = ['anchors', 'positives', 'negatives'].map(embed);
      if (anchors === undefined || positives === undefined) throw new Error('internal: a batch without pairs');
      const candidates = negatives === undefined ? positives : tf.concat([positives, negatives]);
      const asked = compared(anchors, candidates, temperature, counted);
      if (!symmetric) return { loss: weighed(asked, counted) };
      const answered = compared(positives, anchors, temperature, counted);
      return { loss: tf.mul<tf.Scalar>(tf.add(weighed(asked, counted), weighed(answered, counted)), 0.5) };
    },
  });
}

/** −log softmax of row i at column i: [batch, width], [candidates, width] → [batch]. */
function compared(
  asking: tf.Tensor2D,
  candidates: tf.Tensor2D,
  temperature: number,
  counted: tf.Tensor1D,
): tf.Tensor1D {
  const [batch] = asking.shape;
  const scores = tf.div(tf.matMul(asking, candidates, false, true), temperature);
  // Candidates of rows that do not count are no candidates; each asks for its own, so that no row is without one.
  const times = candidates.shape[0] / batch;
  const out = tf.mul(tf.cast(tf.lessEqual(tf.tile(counted, [times]), 0), 'float32'), farBelow);
  return tokenLosses(tf.add(scores, tf.expandDims(out, 0)), tf.range(0, batch, 1, 'int32'));
}

/** Below any score: exp of it is 0. */
const farBelow = -1e9;

/** Σ w ℓ, where what does not count may be any number but no infinity. */
function weighed(losses: tf.Tensor1D, counted: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.mul(losses, counted));
}

/** x / ‖x‖ of each row. */
function normalised(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul<tf.Tensor2D>(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-24)));
}
