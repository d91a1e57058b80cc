import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { WeightSpec } from '../weights.js';

// Legend: P = patch, the side of a square patch in pixels; rows and columns count patches.

/** The size of images, and of the patches that they are cut into. */
export interface PatchSizes {
  /** Height and width, in pixels. */
  readonly image: readonly [height: number, width: number];
  readonly channels: number;
  readonly patch: number;
}

/**
 * Images cut into patches, each a row of numbers: [batch, height, width, channels] → [batch, rows × columns, P × P × channels]. The pixels of
 * a patch stand column by column, so that the matrix that they meet is that of a convolution, turned.
 */
export function cutPatches(images: tf.Tensor, patch: number): tf.Tensor3D {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [rows, columns] = [height / patch, width / patch];
  const parted = tf.reshape(images, [batch, rows, patch, columns, patch, channels]);
  const byPatch = tf.transpose(parted, [0, 1, 3, 4, 2, 5]); // [batch, rows, columns, P, P, channels], x before y
  return tf.reshape(byPatch, [batch, rows * columns, patch * patch * channels]);
}

/**
 * x_p E + b for each patch: the patches of an image as tokens, a convolution of stride P. [batch, height, width, channels] → [batch, patches, width]
 *
 * @example
 * embedPatches(weights.patches, images); // weight [16, 16, 3, 768], images [8, 224, 224, 3] → [8, 196, 768]
 */
export function embedPatches({ weight, bias }: Linear, images: tf.Tensor): tf.Tensor3D {
  const [patch, , channels, width] = weight.shape as [number, number, number, number];
  const matrix = tf.reshape(weight, [patch * patch * channels, width]);
  return linear({ weight: matrix, ...(bias && { bias }) }, cutPatches(images, patch)) as tf.Tensor3D;
}

/** The weights of `embedPatches`: [P, P, channels, width], and the bias. */
export function patchesSpec({ patch, channels }: PatchSizes, width: number, deviation: number): Linear<WeightSpec> {
  return {
    weight: new WeightSpec([patch, patch, channels, width], deviation),
    bias: new WeightSpec([width], 'zeros'),
  };
}

/** Rows and columns of patches. */
export function patchGrid({ image: [height, width], patch }: PatchSizes): readonly [rows: number, columns: number] {
  return [height / patch, width / patch];
}

/** @throws TrainbookError if images are not of the size that a model reads. */
export function checkImages(what: string, images: tf.Tensor, { image: [height, width], channels }: PatchSizes): void {
  if (images.rank === 4 && images.shape.slice(1).join() === `${height},${width},${channels}`) return;
  throw new TrainbookError({
    what: `${what}: these are not images of the size that the model reads`,
    received: `[${images.shape.join(', ')}]`,
    expected: `[batch, ${height}, ${width}, ${channels}]: height, width, channels`,
    fix: 'resize the images (resizeImages), or give the size in the options; ViT can grow (growResolution)',
  });
}
