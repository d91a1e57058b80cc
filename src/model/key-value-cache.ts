import * as tf from '@tensorflow/tfjs';
import type { AttentionContext } from './attention.js';
import { masked, maskedMixing } from './mixing.js';
import type { Positions, Span } from './positions.js';

/** The keys and values of one block for every row up to the cache's length; rows not written yet hold zeros. */
export type LayerCache<Leaf = tf.Tensor> = {
  readonly keys: Leaf; // [batch, keyValueHeads, rows, headSize]
  readonly values: Leaf; // [batch, keyValueHeads, rows, headSize]
};

/** What a cache keeps of each token of a layer: so many features of a key and a value, for each of its heads. */
export interface CacheShape {
  readonly heads: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** One `LayerCache` a block. Its shape never changes, so that one compiled step serves every row. */
export type KeyValueCache<Leaf = tf.Tensor> = readonly LayerCache<Leaf>[];

/** The sizes of a cache. */
export interface CacheSizes {
  readonly layers: number;
  readonly batch: number;
  /** Tokens that it has room for, padding included. */
  readonly rows: number;
  readonly shape: CacheShape;
}

/** A cache in which nothing has been seen. */
export function emptyCache(sizes: CacheSizes): KeyValueCache {
  const { layers, batch, rows, shape } = sizes;
  const empty = (size: number): tf.Tensor => tf.zeros([batch, shape.heads, rows, size]);
  return Array.from({ length: layers }, () => ({ keys: empty(shape.keySize), values: empty(shape.valueSize) }));
}

/** Which rows are written now, and what a token sees. */
export interface CacheStep {
  /** The row of the first token. */
  readonly row: tf.Scalar;
  /** How many tokens come. */
  readonly time: number;
  /** The first row of each sequence that is not padding, int32 [batch]. Default: 0 for all. */
  readonly starts?: tf.Tensor | undefined;
  /** How many rows a token of a layer sees at most; undefined: all before it. */
  readonly windowOf: (layer: number) => number | undefined;
  /** What is added to the scores of the tokens and all rows, such as for relative positions: [1, keyValueHeads, group, time, rows]. */
  readonly bias?: tf.Tensor | undefined;
  /** Whether the tokens see each other, also those after them: a prefix that is read both ways. Default: no. */
  readonly bothWays?: boolean | undefined;
  /** Where the tokens stand, int32 [batch or 1, time], if not where their rows say. */
  readonly places?: tf.Tensor | undefined;
  /** Their places within blanks, int32 [batch or 1, time]. */
  readonly blocks?: tf.Tensor | undefined;
}

/** What attention needs to know while tokens go in at a row, and the cache of each block afterwards. */
export interface CachedContexts {
  readonly contexts: readonly AttentionContext[];
  readonly span: Span;
  readonly updated: () => KeyValueCache;
}

/**
 * Attention with a cache: the new keys and values are written into their rows, and a token sees the rows from its sequence's start to
 * its own. Its position counts from the start.
 */
export function cachedContexts(cache: KeyValueCache, step: CacheStep, positions: Positions): CachedContexts {
  const { row, time, starts, windowOf, bias, bothWays = false, blocks } = step;
  const numRows = cache[0]?.keys.shape[2] ?? 0;
  const rows = tf.add(tf.range(0, time, 1, 'int32'), row); // [time]
  const first = starts === undefined ? tf.zeros([1, 1], 'int32') : tf.reshape(starts, [-1, 1]); // [batch or 1, 1]
  const places = step.places ?? tf.maximum(tf.sub(tf.reshape(rows, [1, time]), first), tf.scalar(0, 'int32')); // [batch or 1, time]
  const span = { places, length: numRows, ...(blocks && { blocks }) };
  const rotate = positions.rotation(span);
  const mixes = new Map<number | undefined, AttentionContext['mix']>();
  const mixOf = (window: number | undefined): AttentionContext['mix'] => {
    const found = mixes.get(window);
    if (found !== undefined) return found;
    const mask = rowMask({ rows, starts: first, bothWays }, numRows, window);
    const mix = maskedMixing(bias === undefined ? mask : tf.add(bias, mask));
    mixes.set(window, mix);
    return mix;
  };
  const after: LayerCache[] = [];
  const contexts = cache.map((layer, index): AttentionContext => ({
    rotate,
    mix: mixOf(windowOf(index)),
    remember: (keys, values) => {
      const next = { keys: putRows(layer.keys, keys, rows), values: putRows(layer.values, values, rows) };
      after[index] = next;
      return [next.keys, next.values];
    },
  }));
  return { contexts, span, updated: () => after };
}

/**
 * 0 for the rows that a token at `rows` sees: start ≤ row ≤ its own, or the last of the tokens' where these see each other, within the
 * window. [batch or 1, 1, 1, time, numRows]
 */
function rowMask(
  { rows, starts, bothWays }: { readonly rows: tf.Tensor; readonly starts: tf.Tensor; readonly bothWays: boolean },
  numRows: number,
  window: number | undefined,
): tf.Tensor {
  const time = rows.shape[0];
  const all = tf.reshape(tf.range(0, numRows, 1, 'int32'), [1, 1, numRows]);
  const own = tf.reshape(rows, [1, time, 1]);
  const begun = tf.greaterEqual(all, tf.expandDims(starts, 1)); // [batch or 1, 1, numRows]
  const before = tf.lessEqual(all, bothWays ? tf.max(own) : own); // [1, time or 1, numRows]
  const seen = tf.logicalAnd(begun, before);
  const near =
    window === undefined ? seen : tf.logicalAnd(seen, tf.greater(all, tf.sub(own, tf.scalar(window, 'int32'))));
  // Padding sees itself, so that no row of scores is empty.
  const visible = tf.logicalOr(near, tf.equal(all, own));
  const hidden = tf.mul(tf.cast(tf.logicalNot(visible), 'float32'), masked);
  return tf.expandDims(tf.expandDims(hidden, 1), 1);
}

/** The cache with new rows in place of old ones: [batch, heads, rows, headSize], [batch, heads, time, headSize]. */
function putRows(all: tf.Tensor, fresh: tf.Tensor, rows: tf.Tensor): tf.Tensor {
  const [batch, heads, numRows, headSize] = all.shape as [number, number, number, number];
  const time = rows.shape[0];
  const offsets = tf.reshape(tf.range(0, batch * heads * numRows, numRows, 'int32'), [batch * heads, 1]);
  const places = tf.reshape(tf.add(offsets, tf.reshape(rows, [1, time])), [-1, 1]); // in the cache as one list of rows
  const flat = tf.tensorScatterUpdate(
    tf.reshape(all, [batch * heads * numRows, headSize]),
    places,
    tf.reshape(fresh, [batch * heads * time, headSize]),
  );
  return tf.reshape(flat, all.shape);
}
