import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { CompileOptions } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import type { Decoder } from '../model/decoder.js';
import type { DecoderWeights } from '../model/weights.js';
import { inOrder } from '../tokens/loader.js';
import type { Packed } from '../tokens/pack.js';
import { partNames } from './loss.js';
import type { Loss, RowTensors } from './loss.js';
import { causalLanguageModel } from './objectives/causal-language-model.js';
import { wholeByName, wholeSums } from './whole-batch.js';

/** A loss over many batches. */
export interface MeasuredLoss {
  /** Σ share · (Σ w ℓ) / (Σ w), over all batches. */
  readonly loss: number;
  /** What each part adds. */
  readonly parts: Readonly<Record<string, number>>;
  /** The means that the loss only watches. */
  readonly watched: Readonly<Record<string, number>>;
  /** What counted in each part: Σ w. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Measures weights on batches, `progress` after each. Keep it for the next time: it is compiled once. */
export type MeasureLoss<Weights, B> = (
  weights: Weights,
  batches: Iterable<B>,
  progress?: (done: number) => void,
) => Promise<MeasuredLoss>;

/**
 * A loss over batches that are not trained on: sums within a batch by the engine in single precision, over batches in double.
 *
 * @example
 * const measure = measureLoss(causalLanguageModel()(architecture));
 * const { loss } = await measure(weights, inOrder(packed, 8));
 */
export function measureLoss<Weights, B>(
  loss: Loss<Weights, B>,
  { target }: { readonly target?: CompileOptions['target'] | undefined } = {},
): MeasureLoss<Weights, B> {
  const names = partNames(loss);
  const sum = compile(
    (weights: Weights, batch: RowTensors) => {
      const whole = wholeByName(loss, wholeSums(loss, weights, batch));
      const [sums, counts] = [loss.sums(weights, batch, { whole }), loss.counts(batch)];
      return tf.stack(names.flatMap((name) => [sums[name] as tf.Scalar, counts[name] as tf.Scalar])); // [2 parts]
    },
    { name: 'held-out loss', ...(target && { target }) },
  );
  const measure: MeasureLoss<Weights, B> = async (weights, batches, progress) => {
    const totals = names.map(() => ({ sum: 0, count: 0 }));
    let done = 0;
    for (const batch of batches) {
      const tensors = loss.tensors(batch);
      const result = await sum(weights, tensors);
      const numbers = await result.data();
      tf.dispose([tensors, result] as tf.TensorContainer);
      totals.forEach((total, index) => {
        total.sum += numbers[2 * index] ?? NaN;
        total.count += numbers[2 * index + 1] ?? NaN;
      });
      progress?.(++done);
    }
    const means = names.map((name, index) => {
      const { sum: nats = NaN, count = NaN } = totals[index] ?? {};
      return [name, ((loss.shares[name] ?? 1) * nats) / count] as const;
    });
    const parts = means.slice(0, Object.keys(loss.shares).length);
    return {
      loss: parts.reduce((total, [, part]) => total + part, 0),
      parts: Object.fromEntries(parts),
      watched: Object.fromEntries(means.slice(parts.length)),
      counts: Object.fromEntries(names.map((name, index) => [name, totals[index]?.count ?? NaN])),
    };
  };
  return (...args) => inferring(() => measure(...args));
}

/** A language model's loss on text. */
export interface HeldOutLoss {
  /** Mean nats per counted token. */
  readonly nats: number;
  /** Tokens that counted. */
  readonly tokens: number;
}

/** What of a packing a loss looks at. */
export type Rows = Omit<Packed, 'numBytes'>;

/**
 * Σ w (−log p) / Σ w over all rows. What the last batch lacks in rows has weight 0, so the result does not depend on the batch size
 * but for rounding.
 *
 * @example
 * const measure = heldOutLoss(architecture, 8);
 * const { nats } = await measure(weights, packed);
 */
export function heldOutLoss(
  architecture: Decoder,
  batchSize: number,
): (weights: DecoderWeights, packed: Rows, progress?: (done: number) => void) => Promise<HeldOutLoss> {
  const measure = measureLoss(causalLanguageModel()(architecture));
  return async (weights, packed, progress) => {
    const { loss, counts } = await measure(weights, inOrder({ numBytes: 0, ...packed }, batchSize), progress);
    return { nats: loss, tokens: counts['loss'] ?? NaN };
  };
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
