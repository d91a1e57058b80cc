import * as tf from '@tensorflow/tfjs';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { countParameters } from '../cost.js';
import type { Linear } from '../linear.js';
import { parseOptions } from '../parse-options.js';
import { drawTree, WeightSpec } from '../weights.js';
import { checkImages, embedPatches, patchesSpec, patchGrid } from './patches.js';
import { patchEncoderOptions } from './vit-options.js';
import type { PatchEncoderOptions } from './vit-options.js';
import type { TokenEncoder } from './token-encoder.js';

/** The weights of a patch encoder. */
export type PatchEncoderWeights<Leaf = tf.Tensor> = {
  readonly patches: Linear<Leaf>; // [patch, patch, channels, width]
  readonly positions: Leaf; // [1, patches, width]
};

/**
 * x_p E + b + position for each patch, with nothing behind it: the least that makes tokens of an image, for a model that does the rest itself, as
 * Fuyu and Dosovitskiy 2020 (2010.11929) feed patches to a transformer.
 *
 * @throws TrainbookError if the patches do not cover the image.
 * @example
 * const encoder = patchEncoder({ image: [28, 28], channels: 1, patch: 7, width: 256 });
 * const tokens = encoder.encode(encoder.init(key(42)), images); // [batch, 16, 256]
 */
export function patchEncoder(options: PatchEncoderOptions): TokenEncoder<PatchEncoderWeights> {
  const config = parseOptions('patchEncoder', patchEncoderOptions, options);
  const { width, initDeviation, image, channels, patch } = config;
  const [rows, columns] = patchGrid(config);
  const specs: PatchEncoderWeights<WeightSpec> = {
    patches: patchesSpec(config, width, initDeviation),
    positions: new WeightSpec([1, rows * columns, width], initDeviation),
  };
  return {
    kind: 'patchEncoder',
    inputShape: [...image, channels],
    numTokens: rows * columns,
    width,
    numParameters: countParameters(specs),
    flopsPerInput: 2 * rows * columns * patch ** 2 * channels * width,
    activationBytes: 4 * rows * columns * (patch ** 2 * channels + width),
    specs,
    init: (key) => drawTree(specs, key) as unknown as PatchEncoderWeights,
    encode: (weights, images) => {
      checkImages('patchEncoder', images, config);
      return tf.add(embedPatches(weights.patches, images), weights.positions);
    },
  };
}

/** The weights of a frame encoder: those of its images' encoder, and a position for each frame. */
export type FrameEncoderWeights<ImageWeights, Leaf = tf.Tensor> = {
  readonly image: ImageWeights;
  readonly times: Leaf; // [frames, 1, width]
};

export interface FrameEncoderOptions {
  /** Frames of a clip. */
  readonly frames: number;
}

/**
 * encode(frame_t) + time_t for each frame of a clip, one after another: the tokens of an image know their place in it, and a learned vector
 * for each frame says when. The factorised positions of Arnab 2021, "ViViT" (2103.15691), section 3.2, and of Bertasius 2021 (2102.05095).
 *
 * @param encoder Of single frames: `patchEncoder(…)`, `vit(…)`, `swin(…)`.
 * @throws TrainbookError if there is not at least one frame, or a clip has other numbers of frames.
 * @example
 * const clips = frameEncoder(patchEncoder({ image: [28, 28], channels: 1, patch: 7, width: 256 }), { frames: 4 });
 * const tokens = clips.encode(clips.init(key(42)), frames); // [batch, 4, 28, 28, 1] → [batch, 4 × 16, 256]
 */
export function frameEncoder<ImageWeights>(
  encoder: TokenEncoder<ImageWeights>,
  { frames }: FrameEncoderOptions,
): TokenEncoder<FrameEncoderWeights<ImageWeights>> {
  if (!Number.isInteger(frames) || frames < 1) {
    throw new TrainbookError({ what: 'frameEncoder: frames', received: frames, expected: 'an integer of at least 1' });
  }
  const { width, numTokens } = encoder;
  const specs: Tree<WeightSpec> = {
    image: encoder.specs,
    times: new WeightSpec([frames, 1, width], timeDeviation),
  };
  return {
    kind: 'frameEncoder',
    inputShape: [frames, ...encoder.inputShape],
    numTokens: frames * numTokens,
    width,
    numParameters: countParameters(specs),
    flopsPerInput: frames * encoder.flopsPerInput,
    activationBytes: frames * (encoder.activationBytes + 4 * numTokens * width),
    specs,
    init: (key) => drawTree(specs, key) as unknown as FrameEncoderWeights<ImageWeights>,
    encode: (weights, clips, options) => {
      const [batch, given, ...image] = clips.shape as [number, number, ...number[]];
      if (clips.rank < 2 || given !== frames) {
        throw new TrainbookError({
          what: 'frameEncoder: these are not clips of the length that the encoder reads',
          received: `[${clips.shape.join(', ')}]`,
          expected: `[batch, ${[frames, ...encoder.inputShape].join(', ')}]`,
        });
      }
      const tokens = encoder.encode(weights.image, tf.reshape(clips, [batch * frames, ...image]), options);
      const byFrame = tf.reshape(tokens, [batch, frames, numTokens, width]);
      return tf.reshape(tf.add(byFrame, weights.times), [batch, frames * numTokens, width]);
    },
  };
}

/** Standard deviation of the first vectors of times, as of positions. */
const timeDeviation = 0.02;
