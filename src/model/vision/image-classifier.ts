import type * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { countParameters } from '../cost.js';
import { linearSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { drawTree } from '../weights.js';
import type { WeightSpec } from '../weights.js';
import type { AnyImageTrunk, EncodeOptions } from './token-encoder.js';

/** The weights of an image classifier. */
export type ImageClassifierWeights<TrunkWeights, Leaf = tf.Tensor> = {
  readonly trunk: TrunkWeights;
  readonly head: Linear<Leaf>; // [width, classes]
};

/** The weights of a trunk. */
export type TrunkWeights<Trunk extends AnyImageTrunk> = ReturnType<Trunk['init']>;

/** A trunk of images and a linear head on it, as one architecture. */
export interface ImageClassifier<Trunk extends AnyImageTrunk> {
  readonly kind: 'imageClassifier';
  readonly trunk: Trunk;
  /** The names of the classes, in their order. */
  readonly classes: readonly string[];
  /** Of trunk and head. */
  readonly numParameters: number;
  /** Floating-point operations of a forward pass for one image; training takes three times as many. */
  readonly flopsPerImage: number;
  readonly specs: { readonly trunk: Trunk['specs']; readonly head: Linear<WeightSpec> };
  /** First weights of both: the same for the same key. */
  init(key: Key): ImageClassifierWeights<TrunkWeights<Trunk>>;
  /** What the head makes of the trunk's tokens: [batch, tokens, width] → [batch, classes]. */
  logits(weights: ImageClassifierWeights<unknown>, tokens: tf.Tensor): tf.Tensor2D;
  /** float32 [batch, height, width, channels], normalised → logits [batch, classes] */
  forward(
    weights: ImageClassifierWeights<TrunkWeights<Trunk>>,
    images: tf.Tensor,
    options?: EncodeOptions,
  ): tf.Tensor2D;
}

/**
 * logits = W pool(tokens) + b, of the class token of a ViT, or of the mean of a Swin's tokens.
 *
 * @throws TrainbookError if there are not at least two classes, or two of one name.
 * @example
 * const architecture = imageClassifier(swin({ … }), { classes: ['cat', 'dog'] });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, images); // [batch, 2]
 */
export function imageClassifier<Trunk extends AnyImageTrunk>(
  trunk: Trunk,
  { classes }: { readonly classes: readonly string[] },
): ImageClassifier<Trunk> {
  if (classes.length < 2 || new Set(classes).size < classes.length) {
    throw new TrainbookError({
      what: 'imageClassifier: these are no classes',
      received: JSON.stringify(classes),
      expected: 'at least two names, all different',
    });
  }
  const head = linearSpec(trunk.width, classes.length, trunk.config.initDeviation);
  const specs = { trunk: trunk.specs, head };
  const logits: ImageClassifier<Trunk>['logits'] = (weights, tokens) =>
    linear(weights.head, trunk.pool(tokens)) as tf.Tensor2D;
  return {
    kind: 'imageClassifier',
    trunk,
    classes: [...classes],
    numParameters: countParameters(specs),
    flopsPerImage: trunk.flopsPerInput + 2 * trunk.width * classes.length,
    specs,
    init: (key) => ({
      trunk: trunk.init(fold(key, 'trunk')) as TrunkWeights<Trunk>,
      head: drawTree(head, fold(key, 'head')) as Linear,
    }),
    logits,
    forward: (weights, images, options) => logits(weights, trunk.encode(weights.trunk as never, images, options)),
  };
}
