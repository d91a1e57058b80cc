import * as tf from '@tensorflow/tfjs';
import { linear } from './linear.js';

// Legend: heads = keyValueHeads × group. Query head h reads key-value head ⌊h / group⌋, as in Hugging Face.

/** The four projections, [inputs, outputs] each. */
export type AttentionWeights<Leaf = tf.Tensor> = {
  readonly query: Leaf; // [width, heads × headSize]
  readonly key: Leaf; // [width, keyValueHeads × headSize]
  readonly value: Leaf; // [width, keyValueHeads × headSize]
  readonly output: Leaf; // [heads × headSize, width]
};

/** The sizes of one attention. */
export interface Heads {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/** What attention needs to know of where its tokens stand. */
export interface AttentionContext {
  /** Turns queries and keys by their positions: [..., time, headSize] → the same shape. */
  rotate(x: tf.Tensor): tf.Tensor;
  /** Added to the scores: 0 where a query may look, `masked` where not. [queries, keys] */
  readonly mask: tf.Tensor;
  /** The keys and values to look at: those just made in training, those and the ones before them in decoding. [batch, keyValueHeads, time, headSize] */
  remember(keys: tf.Tensor, values: tf.Tensor): readonly [keys: tf.Tensor, values: tf.Tensor];
}

/** A score so low that its softmax is exactly 0 in float32, and finite, so that no row turns into NaN. */
export const masked = -1e9;

/** The causal mask: query i may look at keys 0 … i. [time, time] */
export function causalMask(time: number): tf.Tensor2D {
  const values = new Float32Array(time * time);
  for (let query = 0; query < time; query++) values.fill(masked, query * time + query + 1, (query + 1) * time);
  return tf.tensor2d(values, [time, time]);
}

/**
 * softmax(Q Kᵀ / √headSize + mask) V for each head, then joined and projected: [batch, time, width] → the same.
 * Vaswani 2017, "Attention Is All You Need" (1706.03762); grouped queries: Ainslie 2023 (2305.13245).
 *
 * The queries are scaled, not the scores, since scores are time / headSize times as many. Queries of one group stand one
 * after another along the time axis, so that they share their keys in one product without a copy of the keys for each.
 *
 * @example
 * attend({ heads: 4, keyValueHeads: 2, headSize: 64 }, weights, x, context);
 */
export function attend(heads: Heads, weights: AttentionWeights, x: tf.Tensor, context: AttentionContext): tf.Tensor {
  const { keyValueHeads, headSize } = heads;
  const group = heads.heads / keyValueHeads;
  const [batch, time] = x.shape as [number, number, number];
  const [keys, values] = context.remember(
    context.rotate(byHead(linear(weights.key, x), [batch, time, keyValueHeads, headSize])),
    byHead(linear(weights.value, x), [batch, time, keyValueHeads, headSize]),
  );
  const queries = context.rotate(byHead(linear(weights.query, x), [batch, time, heads.heads, headSize]));
  const scaled = tf.reshape(tf.mul(queries, 1 / Math.sqrt(headSize)), [batch, keyValueHeads, group * time, headSize]);
  const scores = tf.matMul(scaled, keys, false, true); // [batch, keyValueHeads, group × time, keys]
  const numKeys = keys.shape[2] as number;
  const allowed = tf.add(tf.reshape(scores, [batch, heads.heads, time, numKeys]), context.mask);
  const attention = tf.reshape(tf.softmax(allowed), scores.shape);
  const mixed = tf.reshape(tf.matMul(attention, values), [batch, heads.heads, time, headSize]);
  const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, time, heads.heads * headSize]);
  return linear(weights.output, joined);
}

/** [batch, time, heads × headSize] → [batch, heads, time, headSize] */
function byHead(x: tf.Tensor, shape: [batch: number, time: number, heads: number, headSize: number]): tf.Tensor {
  return tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3]);
}
