import * as tf from '@tensorflow/tfjs';
import type { AttentionPart } from './attention-part.js';
import type { AttentionContext, AttentionInputs, AttentionWeights } from './attention.js';
import type { LatentConfig } from './latent-options.js';
import { linear } from './linear.js';
import type { Linear } from './linear.js';
import type { Norm, NormWeights } from './norm.js';
import type { WeightSpec } from './weights.js';

// Legend: A = heads, R = keyValueRank, P = plainSize, T = rotarySize, V = valueSize.

/** The projections of latent attention. */
export type LatentWeights<Leaf = tf.Tensor> = {
  /** From the width at once, … */
  readonly query?: Linear<Leaf>; // [width, A × (P + T)]
  /** … or by way of fewer features, which are normed. */
  readonly queryDown?: Linear<Leaf>; // [width, queryRank]
  readonly queryDownNorm?: NormWeights<Leaf>; // [queryRank]
  readonly queryUp?: Linear<Leaf>; // [queryRank, A × (P + T)]
  readonly latent: Linear<Leaf>; // [width, R + T]
  readonly latentNorm: NormWeights<Leaf>; // [R]
  readonly keyValue: Linear<Leaf>; // [R, A × (P + V)]
  readonly output: Linear<Leaf>; // [A × V, width]
};

/** What latent attention is made of. */
export interface LatentHeads extends LatentConfig {
  readonly heads: number;
  readonly norm: Norm;
}

/**
 * Multi-head latent attention: c = norm(x W↓) are R features of a token, from which the keys Kₕ = c Wₕᴷ and values Vₕ = c Wₕⱽ of all heads are
 * made; T features more, one key for all heads, are turned by the position. DeepSeek-V2 (2405.04434), section 2.1.
 *
 * A cache keeps c and the turned key: R + T numbers a token. With it, scores are (q Wₕᴷᵀ) · c, and values are taken from the mean of c: keys
 * and values of tokens before are never made again. All heads then share one key of R + T features and one value of R.
 *
 * @example
 * const part = latentAttention({ heads: 4, norm, keyValueRank: 64, plainSize: 32, rotarySize: 16, valueSize: 32, scoreScale: 1 });
 */
export function latentAttention(sizes: LatentHeads): AttentionPart {
  const { heads, keyValueRank, queryRank, plainSize, rotarySize, valueSize } = sizes;
  const headSize = plainSize + rotarySize;
  return {
    specs: ({ matrix, gain }, width) =>
      ({
        ...(queryRank === undefined
          ? { query: matrix([width, heads * headSize], 'input') }
          : {
              queryDown: matrix([width, queryRank], 'input'),
              queryDownNorm: gain(queryRank),
              queryUp: matrix([queryRank, heads * headSize], 'inner'),
            }),
        latent: matrix([width, keyValueRank + rotarySize], 'input'),
        latentNorm: gain(keyValueRank),
        keyValue: matrix([keyValueRank, heads * (plainSize + valueSize)], 'inner'),
        output: matrix([heads * valueSize, width], 'output'),
      }) satisfies LatentWeights<WeightSpec> as unknown as AttentionWeights<WeightSpec>,
    attend: (weights, x, context) => attendLatent(sizes, ownWeights(weights), x, context),
    inputs: (weights, x, rotate) => {
      const own = ownWeights(weights);
      const { queries, turned, latents } = compressed(sizes, own, x, rotate);
      return { queries, ...expanded(sizes, own, turned, latents) };
    },
    kept: (weights, x, rotate) => {
      const { turned, latents } = compressed(sizes, ownWeights(weights), x, rotate);
      return [turned, latents];
    },
    cache: { heads: 1, keySize: rotarySize, valueSize: keyValueRank },
  };
}

/** A block's attention, in a decoder that was made with this one. */
function ownWeights(weights: AttentionWeights): LatentWeights {
  return weights as unknown as LatentWeights;
}

function attendLatent(sizes: LatentHeads, weights: LatentWeights, x: tf.Tensor, context: AttentionContext): tf.Tensor {
  const { heads, valueSize, plainSize, rotarySize, scoreScale } = sizes;
  const [batch, time] = x.shape as [number, number, number];
  const now = compressed(sizes, weights, x, context.rotate);
  const [turned, latents] = context.remember(now.turned, now.latents);
  const queries = tf.mul(now.queries, scoreScale / Math.sqrt(plainSize + rotarySize));
  const before = { queries, turned, latents };
  const isWhole = latents.shape[2] === time; // nothing but these tokens: their keys and values are made once anyway
  const mixed = isWhole ? mixExpanded(sizes, weights, before, context) : mixLatents(sizes, weights, before, context);
  const byTime = tf.transpose(mixed, [0, 2, 1, 3]); // [batch, time, A, V]
  return linear(weights.output, tf.reshape(byTime, [batch, time, heads * valueSize]));
}

/** What attention has of its tokens before keys and values are made. */
interface Compressed {
  readonly queries: tf.Tensor; // [batch, A, time, P + T], turned
  readonly turned: tf.Tensor; // [batch, 1, keys, T]
  readonly latents: tf.Tensor; // [batch, 1, keys, R]
}

function compressed(
  { heads, norm, keyValueRank, plainSize, rotarySize }: LatentHeads,
  weights: LatentWeights,
  x: tf.Tensor,
  rotate: AttentionContext['rotate'],
): Compressed {
  const [batch, time] = x.shape as [number, number, number];
  const q = byHead(queriesOf(weights, norm, x), [batch, time, heads, plainSize + rotarySize]);
  const [plain, turning] = tf.split(q, [plainSize, rotarySize], 3) as [tf.Tensor, tf.Tensor];
  const [latent, key] = tf.split(linear(weights.latent, x), [keyValueRank, rotarySize], 2) as [tf.Tensor, tf.Tensor];
  const turn = (pairs: tf.Tensor): tf.Tensor => rotate(pairsApart(pairs));
  return {
    queries: tf.concat([plain, turn(turning)], 3),
    turned: turn(tf.expandDims(key, 1)),
    latents: tf.expandDims(norm(weights.latentNorm, latent), 1),
  };
}

function queriesOf({ query, queryDown, queryDownNorm, queryUp }: LatentWeights, norm: Norm, x: tf.Tensor): tf.Tensor {
  if (query !== undefined) return linear(query, x);
  if (queryDown === undefined || queryDownNorm === undefined || queryUp === undefined)
    throw new Error('internal: latent attention has no queries');
  return linear(queryUp, norm(queryDownNorm, linear(queryDown, x)));
}

/** Keys and values of each head, as other attention has them. */
function expanded(
  { heads, plainSize, rotarySize, valueSize }: LatentHeads,
  weights: LatentWeights,
  turned: tf.Tensor,
  latents: tf.Tensor,
): Pick<AttentionInputs, 'keys' | 'values'> {
  const [batch, , numKeys] = latents.shape as [number, number, number];
  const both = byHead(linear(weights.keyValue, latents), [batch, numKeys, heads, plainSize + valueSize]);
  const [plain, values] = tf.split(both, [plainSize, valueSize], 3) as [tf.Tensor, tf.Tensor];
  const shared = tf.broadcastTo(turned, [batch, heads, numKeys, rotarySize]);
  return { keys: tf.concat([plain, shared], 3), values };
}

function mixExpanded(
  sizes: LatentHeads,
  weights: LatentWeights,
  { queries, turned, latents }: Compressed,
  context: AttentionContext,
): tf.Tensor {
  const { keys, values } = expanded(sizes, weights, turned, latents);
  return tf.squeeze(context.mix(tf.expandDims(queries, 2), keys, values, context.dropout), [2]);
}

/** The same by the latent vectors themselves: a query for each head, one key and value for all. */
function mixLatents(
  { heads, keyValueRank, plainSize, rotarySize, valueSize }: LatentHeads,
  weights: LatentWeights,
  { queries, turned, latents }: Compressed,
  context: AttentionContext,
): tf.Tensor {
  const matrix = tf.transpose(tf.reshape(weights.keyValue.weight, [keyValueRank, heads, plainSize + valueSize]), [1, 0, 2]); // prettier-ignore
  const [ofKeys, ofValues] = tf.split(matrix, [plainSize, valueSize], 2) as [tf.Tensor, tf.Tensor]; // [A, R, P], [A, R, V]
  const [plain, turning] = tf.split(queries, [plainSize, rotarySize], 3) as [tf.Tensor, tf.Tensor];
  const [batch, , time] = queries.shape as [number, number, number];
  const stretched = (each: tf.Tensor): tf.Tensor =>
    batch === 1 ? tf.expandDims(each, 0) : tf.broadcastTo(tf.expandDims(each, 0), [batch, ...each.shape]);
  const absorbed = tf.concat([tf.matMul(plain, stretched(ofKeys), false, true), turning], 3); // [batch, A, time, R + T]
  const keys = tf.concat([latents, turned], 3); // [batch, 1, keys, R + T]
  const means = context.mix(tf.expandDims(absorbed, 1), keys, latents, context.dropout);
  return tf.matMul(tf.reshape(means, [batch, heads, time, keyValueRank]), stretched(ofValues));
}

/** (x₀, x₁), (x₂, x₃), … → x₀, x₂, … and x₁, x₃, … after them: DeepSeek turns neighbours, where `rope.ts` turns halves. */
function pairsApart(x: tf.Tensor): tf.Tensor {
  const before = x.shape.slice(0, -1);
  const half = (x.shape.at(-1) ?? 0) / 2;
  const rank = before.length;
  const order = [...before.map((_, axis) => axis), rank + 1, rank];
  return tf.reshape(tf.transpose(tf.reshape(x, [...before, half, 2]), order), x.shape);
}

/** [batch, time, A × size] → [batch, A, time, size] */
function byHead(x: tf.Tensor, shape: [batch: number, time: number, heads: number, size: number]): tf.Tensor {
  return tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3]);
}
