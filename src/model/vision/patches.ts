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
  const [rows, columns] = [height / patch, width / patch];
  const cut = (part: tf.Tensor): tf.Tensor =>
    tf.transpose(tf.reshape(part, [batch, rows, patch, columns, patch, channels]), [0, 1, 3, 4, 2, 5]); // [batch, rows, columns, P, P, channels], x before y
  const reach = patch + 2 * overlap;
  const byPatch = overlap === 0 ? cut(images) : cutReaching(images, { patch, overlap }, cut);
  return tf.reshape(byPatch, [batch, rows * columns, reach * reach * channels]);
}

/** Patches of K × K pixels: as many times P × P, each of the image moved by a multiple of P. [batch, rows, columns, K, K, channels] */
function cutReaching(
  images: tf.Tensor,
  { patch, overlap }: { readonly patch: number; readonly overlap: number },
  cut: (part: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const around: [number, number] = [overlap, overlap];
  const padded = tf.pad(images, [[0, 0], around, around, [0, 0]]);
  const moves = Array.from({ length: 1 + (2 * overlap) / patch }, (_, move) => move * patch);
  const moved = (y: number, x: number): tf.Tensor => cut(tf.slice(padded, [0, y, x, 0], images.shape));
  return tf.concat(
    moves.map((x) =>
      tf.concat(
        moves.map((y) => moved(y, x)),
        4,
      ),
    ),
    3,
  );
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
export function patchesSpec(
  { patch, overlap = 0, channels }: PatchSizes,
  width: number,
  deviation: number,
): Linear<WeightSpec> {
  const reach = patch + 2 * overlap;
  return {
    weight: new WeightSpec([reach, reach, channels, width], deviation),
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
