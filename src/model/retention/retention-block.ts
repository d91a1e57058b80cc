import * as tf from '@tensorflow/tfjs';
import { dropout, nthDropout } from '../dropout.js';
import type { Dropout } from '../dropout.js';
import { linear, linears } from '../linear.js';
import type { Linear } from '../linear.js';
import { gated, geluMlp } from '../mlp.js';
import { layerNorm } from '../norm.js';
import type { NormWeights } from '../norm.js';
import type { RetNetConfig } from './retnet-options.js';
import type { Retained, RetentionInputs } from './retention.js';

/** The projections of a retention. */
export type RetentionWeights<Leaf = tf.Tensor> = {
  readonly query: Linear<Leaf>; // [width, width]
  readonly key: Linear<Leaf>; // [width, width]
  readonly value: Linear<Leaf>; // [width, heads × valueSize]
  readonly gate: Linear<Leaf>; // [width, heads × valueSize]
  readonly output: Linear<Leaf>; // [heads × valueSize, width]
};

/** The weights of one block. */
export type RetentionBlockWeights<Leaf = tf.Tensor> = {
  readonly retentionNorm: NormWeights<Leaf>; // [width]
  readonly retention: RetentionWeights<Leaf>;
  readonly mlpNorm: NormWeights<Leaf>; // [width]
  readonly mlp: { readonly up: Linear<Leaf>; readonly down: Linear<Leaf> };
};

/** What one block is given beside x. */
export interface RetentionContext {
  /** Turns queries and keys by their positions: [batch, heads, time, keySize] → the same shape. */
  readonly rotate: (x: tf.Tensor) => tf.Tensor;
  /** One of the three forms. */
  readonly retain: (inputs: RetentionInputs) => Pick<Retained, 'outputs'>;
  /** Of what is added to x. */
  readonly dropout?: Dropout | undefined;
}

/**
 * x + retention(norm x), then x + gelu(norm x · U) D. [batch, time, width] → the same.
 * Sun 2023, "Retentive Network: A Successor to Transformer for Large Language Models" (2307.08621), section 2.3.
 */
export function retentionBlock(
  config: RetNetConfig,
  weights: RetentionBlockWeights,
  x: tf.Tensor,
  context: RetentionContext,
): tf.Tensor {
  const norm = layerNorm(config.normEpsilon);
  const [first, second] = [nthDropout(context.dropout, 0), nthDropout(context.dropout, 1)];
  const retained = gatedRetention(config, weights.retention, norm(weights.retentionNorm, x), context);
  const y = tf.add(x, dropout(retained, first));
  return tf.add(y, dropout(geluMlp.forward(weights.mlp, norm(weights.mlpNorm, y)), second));
}

/**
 * (silu(x G) ⊙ norm(retention of each head)) O: multi-scale retention with a gate. The norm is over the features of a head and has no
 * weights: those of its gain would be rows of O. It makes retention independent of its scale, which grows with the tokens seen.
 */
function gatedRetention(
  { heads, width, valueSize, normEpsilon }: RetNetConfig,
  weights: RetentionWeights,
  x: tf.Tensor,
  { rotate, retain }: RetentionContext,
): tf.Tensor {
  const [batch, time] = x.shape as [number, number, number];
  const keySize = width / heads;
  const [q, k, v, gate] = linears([weights.query, weights.key, weights.value, weights.gate], x);
  const byHead = (all: tf.Tensor, size: number): tf.Tensor =>
    tf.transpose(tf.reshape(all, [batch, time, heads, size]), [0, 2, 1, 3]);
  const { outputs } = retain({
    queries: rotate(byHead(q, keySize)),
    keys: tf.mul(rotate(byHead(k, keySize)), 1 / Math.sqrt(keySize)),
    values: byHead(v, valueSize),
  });
  const normed = layerNorm(normEpsilon)({ weight: tf.ones([valueSize]) }, outputs);
  const joined = tf.reshape(tf.transpose(normed, [0, 2, 1, 3]), [batch, time, heads * valueSize]);
  return linear(weights.output, gated(gate, joined));
}
