import * as tf from '@tensorflow/tfjs';
import type { RandomKey } from '../engine/random.js';

/** A batch as tensors. Each has the rows of the batch as its first axis, so that the batch can be cut. */
export type RowTensors = Readonly<Record<string, tf.Tensor>>;

/** One number for each part of a loss. */
export type PartSums = Readonly<Record<string, tf.Scalar>>;

/** How a loss is computed, which its value does not depend on but for rounding (and for what dropout draws). */
export interface Computing {
  /** Leaves elements out, as the model's config says. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** Whether blocks compute their inside again in the backward pass, in place of keeping it. */
  readonly recompute?: boolean | undefined;
  /** In how many parts the largest values, such as logits over a vocabulary, are computed and forgotten. */
  readonly chunks?: number | undefined;
}

/**
 * What a training makes smaller: L = Σ share · (Σ w ℓ) / (Σ w), a mean for each part of it, over all that counts in a batch.
 *
 * Sums and counts are apart, so that a batch that is computed in pieces, or by several processes, has the loss and the gradient of the
 * whole, however unevenly what counts is spread over the pieces: all are divided by the counts of the whole.
 */
export interface Loss<Weights, B> {
  /** The parts by name, and what each counts in the loss. One part has share 1. */
  readonly shares: Readonly<Record<string, number>>;
  /** What the loss of a row is made of: `tokens` or `examples`, for rates. */
  readonly unit: string;
  /** How many of them a batch has. */
  size(batch: B): number;
  tensors(batch: B): RowTensors;
  /** Σ w for each part. */
  counts(batch: RowTensors): PartSums;
  /** Σ w ℓ for each part. */
  sums(weights: Weights, batch: RowTensors, computing?: Computing): PartSums;
  /** Whether a row's loss depends on the other rows of its batch, so that a batch must not be computed in pieces. */
  readonly rowsTogether?: boolean;
}

/**
 * What is to be learned, as a loss of any architecture that fits: `causalLanguageModel()`, for instance. Each has a file of its own
 * in this folder's `objectives/`.
 */
export type Objective<Architecture, Weights, B> = (architecture: Architecture) => Loss<Weights, B>;

/** The rows of a batch. One of several kinds (`mixture`), whose tensors are named `kind/…`, has those of each kind. */
export function numRowsOf(batch: RowTensors): number {
  const rows = new Map(
    Object.entries(batch).map(([name, { shape }]) => [name.slice(0, name.lastIndexOf('/') + 1), shape[0]]),
  );
  return [...rows.values()].reduce((sum, number) => sum + number, 0);
}

/** What each part's sum is multiplied by in the loss: share / Σ w. Where nothing counts the loss is 0. */
export function partFactors({ shares }: Pick<Loss<never, never>, 'shares'>, counts: PartSums): PartSums {
  return Object.fromEntries(
    Object.entries(shares).map(([name, share]) => [
      name,
      tf.div<tf.Scalar>(share, tf.maximum(countOf(counts, name), smallestCount)),
    ]),
  );
}

/** share · Σ w ℓ / Σ w for each part, in the order of `shares`: [parts]. The loss is their sum. */
export function weighedParts(
  { shares }: Pick<Loss<never, never>, 'shares'>,
  sums: PartSums,
  factors: PartSums,
): tf.Tensor1D {
  return tf.stack(
    Object.keys(shares).map((name) => tf.mul(countOf(sums, name), countOf(factors, name))),
  ) as tf.Tensor1D;
}

/** Keeps 0 / 0 out; far below any weight in use. */
const smallestCount = 1e-6;

function countOf(parts: PartSums, name: string): tf.Scalar {
  const part = parts[name];
  if (part === undefined) throw new Error(`internal: the loss says nothing of its part ${name}`);
  return part;
}
