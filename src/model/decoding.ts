import * as tf from '@tensorflow/tfjs';
import { cell } from '../engine/cell.js';
import type { Cell } from '../engine/cell.js';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { flatten, mapTree } from '../engine/tree.js';
import { emptyCache } from './key-value-cache.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { Model } from './model.js';

/** A model being read from left to right, one token a sequence at a time. */
export interface Decoding {
  readonly batch: number;
  /** How many positions there are: the longest sequence. */
  readonly positions: number;
  /** Takes the token of each sequence at `position`; gives the logits of the next, [batch × vocabulary]. Positions go up from 0 by one. */
  next(tokens: Int32Array, position: number): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Makes a model ready to generate: one compiled step for all positions, with keys and values kept in cells between calls.
 * Going back to position 0 starts new sequences; what was there before is never looked at.
 *
 * @example
 * const decoding = startDecoding(model, { batch: 1, positions: 256 });
 * const logits = await decoding.next(Int32Array.of(12), 0);
 */
export function startDecoding(model: Model, options: { readonly batch: number; readonly positions: number }): Decoding {
  const { batch, positions } = options;
  const { architecture, weights } = model;
  const { layers, keyValueHeads, width, heads } = architecture.config;
  const empty = emptyCache({ layers, batch, keyValueHeads, positions, headSize: width / heads });
  const cells = mapTree<tf.Tensor, Cell>(empty, (zeros, path) => cell(zeros, { name: `cache.${path}` }));
  tf.dispose(empty as unknown as tf.TensorContainer);
  const step = compile(
    (tokens: tf.Tensor, position: tf.Scalar): tf.Tensor => {
      const cache = mapTree(cells, (kept) => kept.read()) as KeyValueCache;
      const next = architecture.decode(weights, tokens, position, cache);
      const rows = flatten<tf.Tensor>(next.cache);
      flatten(cells).forEach((kept, index) => {
        kept.write(rows[index] as tf.Tensor);
      });
      return next.logits;
    },
    { name: 'decode' },
  );
  return {
    batch,
    positions,
    next: (tokens, position) =>
      inferring(async () => {
        const token = tf.tensor1d(tokens, 'int32');
        const place = tf.scalar(position, 'int32');
        const logits = await step(token, place);
        const numbers = (await logits.data()) as Float32Array;
        tf.dispose([token, place, logits]);
        return numbers;
      }),
    dispose: () => {
      for (const kept of flatten(cells)) kept.dispose();
    },
  };
}
