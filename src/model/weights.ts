import * as tf from '@tensorflow/tfjs';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { normal } from '../engine/random.js';
import { mapTree } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { BlockWeights } from './block.js';
import type { NormWeights } from './norm.js';

/** A decoder's weights (a type, not an interface, so that it counts as a tree); `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type DecoderWeights<Leaf = tf.Tensor> = {
  readonly embedding: Leaf; // [vocabulary, width]
  readonly positions: Readonly<Record<string, Leaf>>;
  readonly layers: readonly BlockWeights<Leaf>[];
  readonly norm: NormWeights<Leaf>; // [width]
  readonly output: Readonly<Record<string, Leaf>>;
};

/** What a weight is before it has numbers. A class, so that trees take it for a leaf. */
export class WeightSpec {
  constructor(
    readonly shape: readonly number[],
    /** Standard deviation of the normal distribution it is first drawn from; 'ones' for gains, 'zeros' for biases. */
    readonly start: number | 'ones' | 'zeros',
  ) {}
}

/** A map over a decoder's weights: `fn(leaf, path)` in place of each leaf. */
export function mapWeights<From, To>(
  weights: DecoderWeights<From>,
  fn: (leaf: From, path: string) => To,
): DecoderWeights<To> {
  return mapTree(weights as Tree<From>, fn) as unknown as DecoderWeights<To>;
}

/**
 * First weights for a tree of specs, each drawn from the key folded with its path: adding a layer leaves the others as they were.
 *
 * @example
 * drawTree(specs, key(42));
 */
export function drawTree(specs: Tree<WeightSpec>, key: Key): Tree<tf.Tensor> {
  return mapTree(specs, ({ shape, start }, path) => {
    if (start === 'ones') return tf.ones([...shape]);
    if (start === 'zeros') return tf.zeros([...shape]);
    return normal(fold(key, path), [...shape], { deviation: start });
  });
}
