import * as tf from '@tensorflow/tfjs';
import type { Dropout } from './dropout.js';
import { linear, linears } from './linear.js';
import type { Linear } from './linear.js';
import type { Mixing } from './mixing.js';
import type { Norm, NormWeights } from './norm.js';

// Legend: heads = keyValueHeads × group. Query head h reads key-value head ⌊h / group⌋, as in Hugging Face.

/** The four projections, and gains where queries and keys are normed. */
export type AttentionWeights<Leaf = tf.Tensor> = {
  readonly query: Linear<Leaf>; // [width, heads × headSize]
  readonly key: Linear<Leaf>; // [width, keyValueHeads × headSize]
  readonly value: Linear<Leaf>; // [width, keyValueHeads × headSize]
  readonly output: Linear<Leaf>; // [heads × headSize, width]
  readonly queryNorm?: NormWeights<Leaf>; // [headSize]
  readonly keyNorm?: NormWeights<Leaf>; // [headSize]
};

/** The sizes of one attention, and the norm of queries and keys where it has one. */
export interface Heads {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly norm: Norm;
  /** What queries are multiplied with before they meet the keys. Default: 1 / √headSize. */
  readonly scale?: number | undefined;
}

/** What attention needs to know of where its tokens stand. */
export interface AttentionContext {
  /** Turns queries and keys by their positions: [batch, heads, time, headSize] → the same shape. */
  readonly rotate: (x: tf.Tensor) => tf.Tensor;
  /** Which keys a query sees. */
  readonly mix: Mixing;
  /**
   * The keys and values to look at: those just made; or, in decoding, also those made before; or also a learned prefix.
   * [batch, keyValueHeads, time, headSize]
   */
  readonly remember: (keys: tf.Tensor, values: tf.Tensor) => readonly [keys: tf.Tensor, values: tf.Tensor];
  /** Of elements of the softmax. */
  readonly dropout?: Dropout | undefined;
}

/** Leaves tokens as they are, whose places stand in no angle. */
export const unturned = (x: tf.Tensor): tf.Tensor => x;

/** Attention of tokens that are all there at once, and whose places stand in no angle. */
export function plainAttention(mix: Mixing, dropout: Dropout | undefined): AttentionContext {
  return { rotate: unturned, mix, remember: (keys, values) => [keys, values], dropout };
}

/** What attention compares, and what it takes the mean of, as heads. */
export interface AttentionInputs {
  readonly queries: tf.Tensor; // [batch, heads, time, headSize]
  readonly keys: tf.Tensor; // [batch, keyValueHeads, time, headSize]
  readonly values: tf.Tensor; // [batch, keyValueHeads, time, headSize]
}

/**
 * Q, K and V of each head, normed where the weights say so, and turned: x [batch, time, width]. The queries are not scaled.
 *
 * The three projections of x are one product.
 *
 * @example
 * const { queries, keys } = attentionInputs({ heads: 4, keyValueHeads: 2, headSize: 64, norm }, weights, x, rotate);
 */
export function attentionInputs(
  { heads, keyValueHeads, headSize, norm }: Heads,
  weights: AttentionWeights,
  x: tf.Tensor,
  rotate: AttentionContext['rotate'],
): AttentionInputs {
  const [batch, time] = x.shape as [number, number, number];
  const [q, k, v] = linears([weights.query, weights.key, weights.value], x);
  const normed = (gain: NormWeights | undefined, all: tf.Tensor): tf.Tensor =>
    gain === undefined ? all : norm(gain, all);
  return {
    keys: rotate(normed(weights.keyNorm, byHead(k, [batch, time, keyValueHeads, headSize]))),
    values: byHead(v, [batch, time, keyValueHeads, headSize]),
    queries: rotate(normed(weights.queryNorm, byHead(q, [batch, time, heads, headSize]))),
  };
}

/**
 * softmax(Q Kᵀ / √headSize + mask) V for each head, then joined and projected: [batch, time, width] → the same.
 * Vaswani 2017, "Attention Is All You Need" (1706.03762); grouped queries: Ainslie 2023 (2305.13245); norms of queries and keys over
 * the features of a head: Henry 2020 (2010.04245).
 *
 * The queries are scaled, not the scores, since scores are time / headSize times as many.
 *
 * @example
 * attend({ heads: 4, keyValueHeads: 2, headSize: 64, norm }, weights, x, context);
 */
export function attend(heads: Heads, weights: AttentionWeights, x: tf.Tensor, context: AttentionContext): tf.Tensor {
  const { queries, ...made } = attentionInputs(heads, weights, x, context.rotate);
  const [keys, values] = context.remember(made.keys, made.values);
  return mixHeads(heads, weights.output, { queries, keys, values }, context);
}

/**
 * What the heads see, joined and projected: softmax(scale · Q Kᵀ + mask) V → [batch, time, width].
 *
 * @example
 * mixHeads(heads, weights.output, { queries, keys, values }, { mix: mixing({ causal: true }) });
 */
export function mixHeads(
  { heads, keyValueHeads, headSize, scale = 1 / Math.sqrt(headSize) }: Heads,
  output: Linear,
  { queries, keys, values }: AttentionInputs,
  { mix, dropout }: Pick<AttentionContext, 'mix' | 'dropout'>,
): tf.Tensor {
  const [batch, , time] = queries.shape as [number, number, number, number];
  const scaled = scale === 1 ? queries : tf.mul(queries, scale);
  const grouped = tf.reshape(scaled, [batch, keyValueHeads, heads / keyValueHeads, time, headSize]);
  const mixed = mix(grouped, keys, values, dropout);
  const byTime = tf.transpose(tf.reshape(mixed, [batch, heads, time, headSize]), [0, 2, 1, 3]);
  return linear(output, tf.reshape(byTime, [batch, time, heads * headSize]));
}

/** [batch, time, heads × headSize] → [batch, heads, time, headSize] */
export function byHead(x: tf.Tensor, shape: [batch: number, time: number, heads: number, headSize: number]): tf.Tensor {
  return tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3]);
}
