import * as tf from '@tensorflow/tfjs';
import type { Positions } from '../positions.js';

// Legend: offset = place of the key − place of the query.

/** How offsets are put into buckets, each of which has a number for every head that is added to the scores. */
export interface RelativeBuckets {
  /** How many there are. */
  readonly buckets: number;
  /** From this offset on all share the last bucket. */
  readonly distance: number;
  /** Whether keys after the query have buckets of their own, half of all; else they share that of the query itself. */
  readonly bidirectional: boolean;
}

/**
 * The bucket of an offset: Raffel 2019, "T5" (1910.10683), section 2.1. With n buckets a direction, the first n/2 hold one offset each, the
 * others ever more: b(r) = n/2 + ⌊ln(r / (n/2)) / ln(distance / (n/2)) · n/2⌋, at most n − 1.
 *
 * Computed in float32 as T5 does, where an offset at a border may fall to either side.
 *
 * @example
 * relativeBucket(-20, { buckets: 32, distance: 128, bidirectional: true }); // 10
 */
export function relativeBucket(offset: number, { buckets, distance, bidirectional }: RelativeBuckets): number {
  const each = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && offset > 0 ? each : 0;
  const away = bidirectional ? Math.abs(offset) : Math.max(0, -offset);
  const exact = Math.floor(each / 2);
  if (away < exact) return first + away;
  const growth = Math.fround(Math.log(Math.fround(away / exact)));
  const share = Math.fround(growth / Math.fround(Math.log(distance / exact)));
  return first + Math.min(each - 1, exact + Math.floor(Math.fround(share * (each - exact))));
}

/**
 * The bias of every offset between `time` places: table [buckets, heads] → [1, heads, 1, time, time], for `mixing`.
 *
 * The 2 · time − 1 offsets are looked up once. The matrix whose entry (i, j) is that of offset j − i is made of copies of this row, each
 * one element longer than a row of the matrix that they are then read as, so that each row begins one further left; its gradient is a
 * sum, where that of a lookup of time² numbers would be as many additions one after another.
 *
 * @example
 * const mix = mixing({ causal: false }, relativeBias(table, buckets, 128));
 */
export function relativeBias(table: tf.Tensor, buckets: RelativeBuckets, time: number): tf.Tensor {
  const [, heads] = table.shape as [number, number];
  const row = tf.transpose(tf.gather(table, offsetBuckets(buckets, time))); // [heads, 2 time − 1]
  const longer = tf.pad(row, [
    [0, 0],
    [0, 1],
  ]);
  const copies = tf.add(tf.expandDims(longer, 1), tf.zeros([1, time, 1])); // [heads, time, 2 time]
  const flat = tf.slice(tf.reshape(copies, [heads, 2 * time * time]), [0, 0], [heads, time * (2 * time - 1)]);
  const shifted = tf.reshape(flat, [heads, time, 2 * time - 1]);
  return tf.reshape(tf.slice(shifted, [0, 0, time - 1], [heads, time, time]), [1, heads, 1, time, time]);
}

/**
 * The bias between queries at the rows of a cache, int32 [time], and all of its rows: [1, heads, 1, time, numRows].
 *
 * @example
 * relativeBiasAt(table, buckets, rows, 64);
 */
export function relativeBiasAt(
  table: tf.Tensor,
  buckets: RelativeBuckets,
  rows: tf.Tensor,
  numRows: number,
): tf.Tensor {
  const [time] = rows.shape as [number];
  const [, heads] = table.shape as [number, number];
  const keys = tf.reshape(tf.range(0, numRows, 1, 'int32'), [1, numRows]);
  const offsets = tf.sub(keys, tf.reshape(rows, [time, 1])); // [time, numRows]
  const found = tf.gather(offsetBuckets(buckets, numRows), tf.add(offsets, tf.scalar(numRows - 1, 'int32')));
  const bias = tf.gather(table, tf.reshape(found, [-1])); // [time × numRows, heads]
  return tf.reshape(tf.transpose(bias), [1, heads, 1, time, numRows]);
}

/** The buckets of the offsets 1 − time … time − 1. */
function offsetBuckets(buckets: RelativeBuckets, time: number): tf.Tensor1D {
  return tf.tensor1d(
    Array.from({ length: 2 * time - 1 }, (_, index) => relativeBucket(index - time + 1, buckets)),
    'int32',
  );
}

/** Nothing is added to embeddings, and nothing turned: what is known of places is a bias of the scores. */
export const unplaced: Positions<never> = {
  shapes: {},
  place: (_weights, x) => x,
  rotation: () => (x) => x,
};
