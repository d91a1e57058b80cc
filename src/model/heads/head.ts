import type * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import type { RandomKey } from '../../engine/random.js';
import type { Tree } from '../../engine/tree.js';
import { countMatrices, countParameters } from '../cost.js';
import { drawTree } from '../weights.js';
import type { WeightSpec } from '../weights.js';

/** What a head needs to know of the model below it: any encoder or decoder is one. */
export interface Trunk {
  readonly config: { readonly width: number; readonly initDeviation: number };
}

/** What a head may look at beside the hidden states. */
export interface HeadReading {
  /** The trunk's table of tokens: [vocabulary, width]. */
  readonly embedding: tf.Tensor;
  /** int32 [batch, time]: 1 for the tokens of a text, 0 for padding. Without it all are the text's. */
  readonly mask?: tf.Tensor | undefined;
  /** Leaves elements out as the head's config says: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
}

/**
 * What is made of a trunk's hidden states. Its weights are a tree of their own: a model with a head has the weights
 * `{ trunk, head }` (`withHead`), and trains both, or the head alone.
 */
export interface Head<Weights> {
  readonly numParameters: number;
  /** Floating-point operations of its matrix products for each vector that it is given: one a token, or one a text. */
  readonly flops: number;
  /** The shape and first distribution of each weight. */
  readonly specs: Tree<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): Weights;
}

/** The tensors that a head's `init` gives. */
export type HeadWeights<Given> = Given extends Head<infer Weights> ? Weights : never;

/** What follows from the specs alone. */
export function headOf<Weights extends Tree<tf.Tensor>>(specs: Tree<WeightSpec>): Head<Weights> {
  return {
    specs,
    numParameters: countParameters(specs),
    flops: 2 * countMatrices(specs),
    init: (key) => drawTree(specs, key) as Weights,
  };
}
