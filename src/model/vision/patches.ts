import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { WeightSpec } from '../weights.js';

// Legend: P = patch, the side of a square patch in pixels; o = overlap, K = P + 2 o what a token sees; rows and columns count patches.

/** The size of images, and of the patches that they are cut into. */
export interface PatchSizes {
  /** Height and width, in pixels. */
  readonly image: readonly [height: number, width: number];
  readonly channels: number;
  readonly patch: number;
  /** Pixels by which a patch reaches into its neighbours on each side. */
  readonly overlap?: number;
}

/**
 * Images cut into patches, each a row of numbers: [batch, height, width, channels] → [batch, rows × columns, K × K × channels]. The pixels of
 * a patch stand column by column, so that the matrix that they meet is that of a convolution, turned.
 *
 * With an overlap a patch reaches so many pixels into its neighbours on each side, and beyond the image into zeros.
 */
export function cutPatches(images: tf.Tensor, patch: number, overlap = 0): tf.Tensor3D {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const cut = overlap === 0 ? cutApart(images, patch) : cutReaching(images, patch, overlap);
  const numTokens = (height / patch) * (width / patch);
  return tf.reshape(cut, [batch, numTokens, patchReach({ patch, overlap }) ** 2 * channels]);
}

/** Patches of P × P pixels, x before y: [batch, rows, columns, P, P, channels] */
function cutApart(images: tf.Tensor, patch: number): tf.Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const parted = tf.reshape(images, [batch, height / patch, patch, width / patch, patch, channels]);
  return tf.transpose(parted, [0, 1, 3, 4, 2, 5]);
}

/** Patches of K × K pixels: as many times P × P, each of the image moved by a multiple of P. [batch, rows, columns, K, K, channels] */
function cutReaching(images: tf.Tensor, patch: number, overlap: number): tf.Tensor {
  const around: [number, number] = [overlap, overlap];
  const padded = tf.pad(images, [[0, 0], around, around, [0, 0]]);
  const moves = Array.from({ length: 1 + (2 * overlap) / patch }, (_, move) => move * patch);
  const columns = moves.map((x) => {
    const moved = moves.map((y) => cutApart(tf.slice(padded, [0, y, x, 0], images.shape), patch));
    return tf.concat(moved, 4);
  });
  return tf.concat(columns, 3);
}

/** K = P + 2 o, the side of what a token sees, in pixels. */
export function patchReach({ patch, overlap = 0 }: Pick<PatchSizes, 'patch' | 'overlap'>): number {
  return patch + 2 * overlap;
}

/**
 * x_p E + b for each patch: the patches of an image as tokens, a convolution of kernel K and stride P. [batch, height, width, channels] →
 * [batch, patches, width]
 *
 * @example
 * embedPatches(weights.patches, images); // weight [16, 16, 3, 768], images [8, 224, 224, 3] → [8, 196, 768]
 */
export function embedPatches({ weight, bias }: Linear, images: tf.Tensor, overlap = 0): tf.Tensor3D {
  const [reach, , channels, width] = weight.shape as [number, number, number, number];
  const matrix = tf.reshape(weight, [reach * reach * channels, width]);
  const patches = cutPatches(images, reach - 2 * overlap, overlap);
  return linear({ weight: matrix, ...(bias && { bias }) }, patches) as tf.Tensor3D;
}

/** The weights of `embedPatches`: [K, K, channels, width], and the bias. */
export function patchesSpec(sizes: PatchSizes, width: number, deviation: number): Linear<WeightSpec> {
  const reach = patchReach(sizes);
  return {
    weight: new WeightSpec([reach, reach, sizes.channels, width], deviation),
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
