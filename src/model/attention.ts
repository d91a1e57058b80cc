import * as tf from '@tensorflow/tfjs';
import { linear, linears } from './linear.js';
import type { Mixing } from './mixing.js';

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
  /** Which keys a query sees. */
  readonly mix: Mixing;
  /** The keys and values to look at: those just made in training, those and the ones before them in decoding. [batch, keyValueHeads, time, headSize] */
  remember(keys: tf.Tensor, values: tf.Tensor): readonly [keys: tf.Tensor, values: tf.Tensor];
}

/**
 * softmax(Q Kᵀ / √headSize + mask) V for each head, then joined and projected: [batch, time, width] → the same.
 * Vaswani 2017, "Attention Is All You Need" (1706.03762); grouped queries: Ainslie 2023 (2305.13245).
 *
 * The three projections of x are one product. The queries are scaled, not the scores, since scores are time / headSize times as
 * many.
 *
 * @example
 * attend({ heads: 4, keyValueHeads: 2, headSize: 64 }, weights, x, context);
 */
export function attend(heads: Heads, weights: AttentionWeights, x: tf.Tensor, context: AttentionContext): tf.Tensor {
  const { keyValueHeads, headSize } = heads;
  const group = heads.heads / keyValueHeads;
  const [batch, time] = x.shape as [number, number, number];
  const [q, k, v] = linears([weights.query, weights.key, weights.value], x);
  const [keys, values] = context.remember(
    context.rotate(byHead(k, [batch, time, keyValueHeads, headSize])),
    byHead(v, [batch, time, keyValueHeads, headSize]),
  );
  const queries = tf.mul(context.rotate(byHead(q, [batch, time, heads.heads, headSize])), 1 / Math.sqrt(headSize));
  const mixed = context.mix(tf.reshape(queries, [batch, keyValueHeads, group, time, headSize]), keys, values);
  const byTime = tf.transpose(tf.reshape(mixed, [batch, heads.heads, time, headSize]), [0, 2, 1, 3]);
  return linear(weights.output, tf.reshape(byTime, [batch, time, heads.heads * headSize]));
}

/** [batch, time, heads × headSize] → [batch, heads, time, headSize] */
function byHead(x: tf.Tensor, shape: [batch: number, time: number, heads: number, headSize: number]): tf.Tensor {
  return tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3]);
}
