import * as tf from '@tensorflow/tfjs';
import type { AttentionContext } from './attention.js';
import { masked, maskedMixing } from './mixing.js';

/** The keys and values of one block for every position up to the cache's length; positions not seen yet hold zeros. */
export type LayerCache<Leaf = tf.Tensor> = {
  readonly keys: Leaf; // [batch, keyValueHeads, positions, headSize]
  readonly values: Leaf; // [batch, keyValueHeads, positions, headSize]
};

/** One `LayerCache` a block. Its shape never changes, so that one compiled step serves every position. */
export type KeyValueCache<Leaf = tf.Tensor> = readonly LayerCache<Leaf>[];

/** The sizes of a cache. */
export interface CacheSizes {
  readonly layers: number;
  readonly batch: number;
  readonly keyValueHeads: number;
  readonly positions: number;
  readonly headSize: number;
}

/** A cache in which nothing has been seen. */
export function emptyCache(sizes: CacheSizes): KeyValueCache {
  const { layers, batch, keyValueHeads, positions, headSize } = sizes;
  const empty = (): tf.Tensor => tf.zeros([batch, keyValueHeads, positions, headSize]);
  return Array.from({ length: layers }, () => ({ keys: empty(), values: empty() }));
}

/**
 * What attention needs to know while one token a sequence goes in at `position`, and the cache of each block afterwards:
 * the new row replaces the one at `position`, and later positions are masked.
 */
export function cachedContexts(
  cache: KeyValueCache,
  position: tf.Scalar,
  rotate: AttentionContext['rotate'],
): { readonly contexts: readonly AttentionContext[]; readonly updated: () => KeyValueCache } {
  const numPositions = cache[0]?.keys.shape[2] ?? 0;
  const places = tf.range(0, numPositions, 1, 'int32');
  const here = tf.reshape(tf.cast(tf.equal(places, position), 'float32'), [numPositions, 1]); // 1 at `position`
  const elsewhere = tf.sub(1, here);
  const mix = maskedMixing(
    tf.reshape(tf.mul(tf.cast(tf.greater(places, position), 'float32'), masked), [1, numPositions]),
  );
  const put = (all: tf.Tensor, row: tf.Tensor): tf.Tensor => tf.add(tf.mul(all, elsewhere), tf.mul(row, here));
  const after: LayerCache[] = [];
  const contexts = cache.map((layer, index): AttentionContext => ({
    rotate,
    mix,
    remember: (keys, values) => {
      const next = { keys: put(layer.keys, keys), values: put(layer.values, values) };
      after[index] = next;
      return [next.keys, next.values];
    },
  }));
  return { contexts, updated: () => after };
}
