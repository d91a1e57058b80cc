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
  /** What `Loss.whole` gives of the whole batch, for a loss that has it: it decides the value. */
  readonly whole?: PartSums | undefined;
}

/** Sums over all rows of a batch, such as those of a mean, that the loss of each row depends on, without gradient. */
export interface WholeBatch<Weights> {
  readonly names: readonly string[];
  /** The sums over these rows, by name. */
  sums(weights: Weights, batch: RowTensors, computing?: Computing): PartSums;
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
  /** Means that are only watched, such as the share of pairs that are ranked rightly: `counts` and `sums` have them too. Default: none. */
  readonly watched?: readonly string[];
  /** What the loss of a row is made of: `tokens` or `examples`, for rates. */
  readonly unit: string;
  /** How many of them a batch has. */
  size(batch: B): number;
  tensors(batch: B): RowTensors;
  /** Σ w for each part, and for what is watched. */
  counts(batch: RowTensors): PartSums;
  /** Σ w ℓ for each part, and for what is watched. */
  sums(weights: Weights, batch: RowTensors, computing?: Computing): PartSums;
  /** What the rows' losses need of all rows. It is found by a first pass, and added up over pieces and processes. Default: nothing. */
  readonly whole?: WholeBatch<Weights>;
  /** Whether a row's loss depends on the other rows of its batch in another way, so that a batch must not be computed in pieces. */
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

/** The names of a loss's parts, and after them of what is only watched. */
export function partNames({ shares, watched = [] }: Parts): string[] {
  return [...Object.keys(shares), ...watched];
}

type Parts = Pick<Loss<never, never>, 'shares' | 'watched'>;

/** What each sum is multiplied by: share / Σ w, and 1 / Σ w for what is watched. Where nothing counts the loss is 0. */
export function partFactors(loss: Parts, counts: PartSums): PartSums {
  return Object.fromEntries(
    partNames(loss).map((name) => [
      name,
      tf.div<tf.Scalar>(loss.shares[name] ?? 1, tf.maximum(countOf(counts, name), smallestCount)),
    ]),
  );
}

/** share · Σ w ℓ / Σ w for each part, in the order of `shares`, and after them the means that are watched: [parts]. */
export function weighedParts(loss: Parts, sums: PartSums, factors: PartSums): tf.Tensor1D {
  return tf.stack(partNames(loss).map((name) => tf.mul(countOf(sums, name), countOf(factors, name)))) as tf.Tensor1D;
}

/** The loss: the sum of its parts, without what is watched. */
export function totalOf({ shares }: Parts, parts: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.slice(parts, [0], [Object.keys(shares).length]));
}

/** Keeps 0 / 0 out; far below any weight in use. */
const smallestCount = 1e-6;

function countOf(parts: PartSums, name: string): tf.Scalar {
  const part = parts[name];
  if (part === undefined) throw new Error(`internal: the loss says nothing of its part ${name}`);
  return part;
}
