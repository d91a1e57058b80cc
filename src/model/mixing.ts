import * as tf from '@tensorflow/tfjs';
import { dropout, nthDropout } from './dropout.js';
import type { Dropout } from './dropout.js';

// Legend: group = the query heads that share one key-value head.

/**
 * softmax(Q Kᵀ + mask) V for each head: which keys a query sees, and how it takes the mean of their values.
 * queries [batch, keyValueHeads, group, time, headSize], scaled already; keys and values [batch, keyValueHeads, keys, headSize]
 * → the queries' shape, with the features of the values. With dropout, elements of the softmax are left out.
 */
export type Mixing = (queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, dropout?: Dropout) => tf.Tensor;

/**
 * Which keys a query sees. The queries stand at the last `time` of the keys' places; keys before these (a learned prefix) are
 * seen by all.
 */
export interface Visibility {
  /** Whether keys after a query's own place are hidden. */
  readonly causal: boolean;
  /** How many keys a causal query sees at most, itself among them: a sliding window. Beltagy 2020 (2004.05150). */
  readonly window?: number | undefined;
  /** int32 [batch, time]: tokens see those of their own document, which has a number. Padding is a document of its own. */
  readonly documents?: tf.Tensor | undefined;
  /** int32 [batch]: so many first tokens of each sequence are seen by all of its tokens, also by those before them. */
  readonly prefix?: tf.Tensor | undefined;
}

/** A score so low that its softmax is exactly 0 in float32, and finite, so that no row turns into NaN. */
export const masked = -1e9;

/**
 * Every query against every key; the mask, broadcast over [batch, keyValueHeads, group, queries, keys], is added to the scores: 0 where
 * a query may look, `masked` where not.
 *
 * Queries of one group stand one after another along the time axis, so that they share their keys in one product without a copy
 * of the keys for each.
 *
 * @example
 * const mixed = maskedMixing(mask)(queries, keys, values);
 */
export function maskedMixing(mask: tf.Tensor | undefined): Mixing {
  return (queries, keys, values, left) => {
    const [batch, heads, group, time, headSize] = queries.shape as [number, number, number, number, number];
    const numKeys = keys.shape[2] as number;
    const rows = tf.reshape(queries, [batch, heads, group * time, headSize]);
    const scores = tf.reshape(tf.matMul(rows, keys, false, true), [batch, heads, group, time, numKeys]);
    const attention = dropout(tf.softmax(mask === undefined ? scores : tf.add(scores, mask)), left);
    const weights = tf.reshape(attention, [batch, heads, group * time, numKeys]);
    return tf.reshape(tf.matMul(weights, values), [batch, heads, group, time, values.shape[3] as number]);
  };
}

/**
 * The attention of a visibility, with its mask, and a bias that is added to the scores where one is given. Causal queries go in blocks, each against the keys that it may see: with n blocks
 * (n + 1) / 2n of the scores are computed and kept for the backward pass, 62.5% with four; the rest would be masked.
 *
 * @example
 * const mixed = mixing({ causal: true, window: 128 })(queries, keys, values);
 *
 * @param bias [1 or batch, keyValueHeads, group, queries, keys], such as that of relative positions.
 */
export function mixing(visibility: Visibility, bias?: tf.Tensor): Mixing {
  return (queries, keys, values, left) => {
    const [batch, heads, group, time, headSize] = queries.shape as [number, number, number, number, number];
    const past = (keys.shape[2] as number) - time;
    const blocks = queryBlocks(visibility, time, past).map((block, index) => {
      const { start, end, from, to } = block;
      const rows = tf.slice(queries, [0, 0, 0, start, 0], [batch, heads, group, end - start, headSize]);
      const seen = (all: tf.Tensor): tf.Tensor =>
        tf.slice(all, [0, 0, from, 0], [batch, heads, to - from, all.shape[3] as number]);
      const mask = maskOf(visibility, block, past);
      return maskedMixing(withBias(mask, bias, block))(rows, seen(keys), seen(values), nthDropout(left, index));
    });
    return blocks.length === 1 ? (blocks[0] as tf.Tensor) : tf.concat(blocks, 3);
  };
}

/** The mask and the block's part of a bias, as one. */
function withBias(
  mask: tf.Tensor | undefined,
  bias: tf.Tensor | undefined,
  { start, end, from, to }: QueryBlock,
): tf.Tensor | undefined {
  if (bias === undefined) return mask;
  const [batch, heads, group, time, numKeys] = bias.shape as [number, number, number, number, number];
  const isWhole = end - start === time && to - from === numKeys;
  const part = isWhole ? bias : tf.slice(bias, [0, 0, 0, start, from], [batch, heads, group, end - start, to - from]);
  return mask === undefined ? part : tf.add(part, mask);
}

/** Queries `start` … `end`, and the keys `from` … `to` that some of them may see. Ends are exclusive. */
export interface QueryBlock {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** More blocks leave out less and less, while the products get small. */
const mostBlocks = 4;
const smallestBlock = 128;

/** The blocks that `mixing` computes, in order. `past` keys stand before those of the `time` queries. */
export function queryBlocks(
  { causal, window, prefix }: Pick<Visibility, 'causal' | 'window' | 'prefix'>,
  time: number,
  past: number,
): QueryBlock[] {
  if (!causal || prefix !== undefined) return [{ start: 0, end: time, from: 0, to: past + time }];
  const size = Math.ceil(time / Math.max(1, Math.min(mostBlocks, Math.floor(time / smallestBlock))));
  return Array.from({ length: Math.ceil(time / size) }, (_, index) => {
    const [start, end] = [index * size, Math.min((index + 1) * size, time)];
    const from = window === undefined || past > 0 ? 0 : Math.max(0, start - window + 1);
    return { start, end, from, to: past + end };
  });
}

/**
 * The mask of a visibility for all queries and keys of `time` tokens, to be added to scores [batch, keyValueHeads, group, time, time];
 * undefined where all see all.
 *
 * @example
 * const mask = visibilityMask({ causal: true, documents }, 128);
 */
export function visibilityMask(visibility: Visibility, time: number): tf.Tensor | undefined {
  return maskOf(visibility, { start: 0, end: time, from: 0, to: time }, 0);
}

function maskOf(visibility: Visibility, block: QueryBlock, past: number): tf.Tensor | undefined {
  const { causal, window, prefix } = visibility;
  const ordered = causal ? causalMask(block, past, window) : undefined;
  const order = ordered !== undefined && prefix !== undefined ? withPrefix(ordered, prefix, block, past) : ordered;
  const documents = visibility.documents && documentMask(visibility.documents, block, past);
  return order !== undefined && documents !== undefined ? tf.minimum(order, documents) : (order ?? documents);
}

/** Query i sees itself and what came before, or the last `window` keys of that; and all of what is past. [end − start, to − from] */
export function causalMask({ start, end, from, to }: QueryBlock, past: number, window = Infinity): tf.Tensor2D {
  const values = new Float32Array((end - start) * (to - from)).fill(masked);
  for (let query = start; query < end; query++) {
    const row = (query - start) * (to - from) - from; // where key 0 would stand
    const first = Math.max(from, past + query - window + 1);
    values.fill(0, row + first, row + past + query + 1);
    if (past > from) values.fill(0, row + from, row + past);
  }
  return tf.tensor2d(values, [end - start, to - from]);
}

/** The mask with the keys of each sequence's prefix open to all: [batch, 1, 1, end − start, to − from] */
function withPrefix(order: tf.Tensor2D, prefix: tf.Tensor, { from, to }: QueryBlock, past: number): tf.Tensor {
  const places = tf.reshape(tf.range(from - past, to - past, 1, 'int32'), [1, 1, 1, 1, to - from]);
  const beyond = tf.greaterEqual(places, tf.reshape(prefix, [-1, 1, 1, 1, 1])); // [batch, 1, 1, 1, to − from]
  return tf.maximum(order, tf.mul(tf.cast(beyond, 'float32'), masked));
}

/** 0 where query and key are of one document, or the key is past: [batch, 1, 1, end − start, to − from] */
function documentMask(documents: tf.Tensor, { start, end, from, to }: QueryBlock, past: number): tf.Tensor {
  const [batch] = documents.shape as [number, number];
  const numPast = Math.max(0, past - from);
  const [first, last] = [Math.max(0, from - past), to - past];
  const ofQueries = tf.reshape(tf.slice(documents, [0, start], [batch, end - start]), [batch, 1, 1, end - start, 1]);
  const ofKeys = tf.reshape(tf.slice(documents, [0, first], [batch, last - first]), [batch, 1, 1, 1, last - first]);
  const apart = tf.mul(tf.cast(tf.notEqual(ofQueries, ofKeys), 'float32'), masked);
  return numPast === 0 ? apart : tf.concat([tf.zeros([batch, 1, 1, end - start, numPast]), apart], 4);
}
