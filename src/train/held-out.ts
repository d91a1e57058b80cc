import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import type { Decoder } from '../model/decoder.js';
import type { DecoderWeights } from '../model/weights.js';
import { inOrder } from '../tokens/loader.js';
import type { Packed } from '../tokens/pack.js';
import { sumCrossEntropy } from './cross-entropy.js';
import { batchTensors } from './step.js';
import type { BatchTensors } from './step.js';

/** A loss over many tokens. */
export interface HeldOutLoss {
  /** Mean nats per counted token. */
  readonly nats: number;
  /** Tokens that counted. */
  readonly tokens: number;
}

/** What of a packing a loss looks at. */
export type Rows = Omit<Packed, 'numBytes'>;

/** Measures weights on packed rows, `progress` after each batch. Keep it for the next time: it is compiled once. */
export type Measure = (
  weights: DecoderWeights,
  packed: Rows,
  progress?: (done: number) => void,
) => Promise<HeldOutLoss>;

/**
 * Σ w (−log p) / Σ w over all rows: sums within a batch by the engine in single precision, over batches in double. What the
 * last batch lacks in rows has weight 0, so the result does not depend on the batch size but for rounding.
 *
 * @example
 * const measure = heldOutLoss(architecture, 8);
 * const { nats } = await measure(weights, packed);
 */
export function heldOutLoss(architecture: Decoder, batchSize: number): Measure {
  const sum = compile(
    (weights: DecoderWeights, batch: BatchTensors) =>
      sumCrossEntropy(architecture.forward(weights, batch.inputs, batch), batch),
    { name: 'held-out loss' },
  );
  const measure: Measure = async (weights, packed, progress) => {
    let total = 0;
    let tokens = 0;
    let done = 0;
    for (const batch of inOrder({ numBytes: 0, ...packed }, batchSize)) {
      const tensors = batchTensors(batch);
      const result = await sum(weights, tensors);
      const [nats = NaN] = await result.data();
      tf.dispose([tensors, result] as tf.TensorContainer);
      total += nats;
      tokens += batch.weights.reduce((count, weight) => count + weight, 0);
      progress?.(++done);
    }
    return { nats: total / tokens, tokens };
  };
  return (...args) => inferring(() => measure(...args));
}

/** At most `numRows` rows of a packing, evenly spread, the same ones each time. `numBytes` counts for whole packings only. */
export function spreadRows(packed: Packed, numRows: number): Rows {
  if (packed.numRows <= numRows) return packed;
  const { context, documents, positions } = packed;
  const rows = Array.from({ length: numRows }, (_, place) => Math.floor((place * packed.numRows) / numRows));
  /** These rows of one of the packing's arrays. */
  const chosen = <A extends Int32Array | Uint8Array>(from: A, into: A, width: number): A => {
    for (const [place, row] of rows.entries()) into.set(from.subarray(row * width, (row + 1) * width), place * width);
    return into;
  };
  const numPlaces = numRows * context;
  const weights = chosen(packed.weights, new Uint8Array(numPlaces), context);
  return {
    context,
    numRows,
    tokens: chosen(packed.tokens, new Int32Array(numRows * (context + 1)), context + 1),
    weights,
    ...(documents && { documents: chosen(documents, new Int32Array(numPlaces), context) }),
    ...(positions && { positions: chosen(positions, new Int32Array(numPlaces), context) }),
    numTokens: weights.reduce((sum, weight) => sum + weight, 0),
  };
}
