import * as tf from '@tensorflow/tfjs';

// Legend: group = the query heads that share one key-value head.

/**
 * softmax(Q Kᵀ + mask) V for each head: which keys a query sees, and how it takes the mean of their values.
 * queries [batch, keyValueHeads, group, time, headSize], scaled already; keys and values [batch, keyValueHeads, keys, headSize]
 * → the queries' shape.
 */
export type Mixing = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) => tf.Tensor;

/** A score so low that its softmax is exactly 0 in float32, and finite, so that no row turns into NaN. */
export const masked = -1e9;

/**
 * Every query against every key; the mask [queries, keys] is added to the scores: 0 where a query may look, `masked` where not.
 *
 * Queries of one group stand one after another along the time axis, so that they share their keys in one product without a copy
 * of the keys for each.
 *
 * @example
 * const mixed = maskedMixing(mask)(queries, keys, values);
 */
export function maskedMixing(mask: tf.Tensor): Mixing {
  return (queries, keys, values) => {
    const [batch, heads, group, time, headSize] = queries.shape as [number, number, number, number, number];
    const numKeys = keys.shape[2] as number;
    const rows = tf.reshape(queries, [batch, heads, group * time, headSize]);
    const scores = tf.matMul(rows, keys, false, true); // [batch, heads, group × time, keys]
    const seen = tf.add(tf.reshape(scores, [batch, heads, group, time, numKeys]), mask);
    const attention = tf.reshape(tf.softmax(seen), [batch, heads, group * time, numKeys]);
    return tf.reshape(tf.matMul(attention, values), queries.shape);
  };
}

/**
 * Query i sees keys 0 … i. Queries go in blocks, each against the keys up to its own end: with n blocks (n + 1) / 2n of the
 * scores are computed and kept for the backward pass, 62.5% with four; the rest would be masked.
 *
 * @example
 * const mixed = causalMixing(queries, keys, values);
 */
export const causalMixing: Mixing = (queries, keys, values) => {
  const [batch, heads, group, time, headSize] = queries.shape as [number, number, number, number, number];
  const blockSize = Math.ceil(time / Math.max(1, Math.min(mostBlocks, Math.floor(time / smallestBlock))));
  const blocks: tf.Tensor[] = [];
  for (let start = 0; start < time; start += blockSize) {
    const end = Math.min(start + blockSize, time);
    const rows = tf.slice(queries, [0, 0, 0, start, 0], [batch, heads, group, end - start, headSize]);
    const upTo = (all: tf.Tensor): tf.Tensor => tf.slice(all, [0, 0, 0, 0], [batch, heads, end, headSize]);
    blocks.push(maskedMixing(causalMask(start, end))(rows, upTo(keys), upTo(values)));
  }
  return tf.concat(blocks, 3);
};

/** More blocks leave out less and less, while the products get small. */
const mostBlocks = 4;
const smallestBlock = 128;

/** The causal mask's rows `start` … `end` and columns up to `end`: query i sees keys 0 … i. [end − start, end] */
export function causalMask(start: number, end: number): tf.Tensor2D {
  const values = new Float32Array((end - start) * end);
  for (let query = start; query < end; query++)
    values.fill(masked, (query - start) * end + query + 1, (query - start + 1) * end);
  return tf.tensor2d(values, [end - start, end]);
}
