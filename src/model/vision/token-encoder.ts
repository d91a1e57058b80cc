import type * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import type { RandomKey } from '../../engine/random.js';
import type { Tree } from '../../engine/tree.js';
import type { Mixing } from '../mixing.js';
import type { WeightSpec } from '../weights.js';

/** How inputs are read. */
export interface EncodeOptions {
  /** Leaves elements and whole branches out as the config says: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** Whether each block is computed again in the backward pass, in place of keeping what is inside it: see `remat`. */
  readonly recompute?: boolean | undefined;
  /**
   * Is given the tokens before the first block (place 0) and after each (1, 2, …), and gives those that go on: to look at them, or to
   * take a gradient with respect to them. [batch, tokens, width of that place]
   */
  readonly observe?: ((place: number, tokens: tf.Tensor3D) => tf.Tensor3D) | undefined;
  /** How attention is computed in a block, from 0 on; what `bias` has is added to the scores. Default: all scores at once. */
  readonly attention?: ((block: number, bias?: tf.Tensor) => Mixing) | undefined;
}

/**
 * What makes tokens of something that is not text: patches of images, frames of clips. A value that other models can take tokens from,
 * in place of their own embeddings; its weights are a value of their own.
 */
export interface TokenEncoder<Weights> {
  readonly kind: string;
  /** The axes of one input, such as height, width and channels. */
  readonly inputShape: readonly number[];
  /** Tokens of an input, and features of a token. */
  readonly numTokens: number;
  readonly width: number;
  readonly numParameters: number;
  /** Floating-point operations for one input; training takes three times as many. */
  readonly flopsPerInput: number;
  /** Bytes of activations that a training step keeps for one input, in float32, without recomputation and about. */
  readonly activationBytes: number;
  /** The shape and first distribution of each weight. */
  readonly specs: Tree<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): Weights;
  /** float32 [batch, …inputShape] → [batch, numTokens, width] */
  encode(weights: Weights, inputs: tf.Tensor, options?: EncodeOptions): tf.Tensor3D;
}

/** A token encoder of images that an image classifier can stand on: `vit(…)`, `swin(…)`. */
export interface ImageTrunk<Weights> extends TokenEncoder<Weights> {
  readonly config: { readonly initDeviation: number };
  /** Rows and columns of the last tokens; those before them, such as a class token, are of no place. */
  readonly grid: readonly [rows: number, columns: number];
  /** What a classifier reads of all tokens: [batch, numTokens, width] → [batch, width]. */
  pool(tokens: tf.Tensor): tf.Tensor2D;
}

/** Any trunk of images, whatever its weights. */
export interface AnyImageTrunk extends Omit<ImageTrunk<never>, 'init'> {
  init(key: Key): object;
}
