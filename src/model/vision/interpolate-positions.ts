import * as tf from '@tensorflow/tfjs';
import { cubicKernel, resamplingMatrix } from '../../data/image/resample.js';

/** PyTorch's a of bicubic interpolation, which ViT's positions are interpolated with. */
const kernel = cubicKernel(-0.75);

/**
 * A table of one row a place, on a grid of other rows and columns: P′ = D P Aᵀ, D and A bicubic, as PyTorch's `interpolate` has it and
 * transformers interpolates the positions of a ViT. [rows × columns, features] → [more rows × more columns, features]
 *
 * Dosovitskiy 2020 (2010.11929), section 3.2: a patch of a larger image begins with the position of where it lies in the smaller one.
 *
 * @example
 * interpolateGrid(table, [7, 7], [14, 14]);
 */
export function interpolateGrid(
  table: tf.Tensor,
  [rows, columns]: readonly [number, number],
  [toRows, toColumns]: readonly [number, number],
): tf.Tensor2D {
  const matrix = (from: number, to: number): tf.Tensor2D =>
    tf.tensor2d(Float32Array.from(resamplingMatrix(from, to, kernel, false)), [to, from]);
  return tf.tidy(() => {
    const features = table.shape.at(-1) as number;
    const down = tf.matMul(matrix(rows, toRows), tf.reshape(table, [rows, columns * features]));
    const byColumn = tf.transpose(tf.reshape(down, [toRows, columns, features]), [1, 0, 2]);
    const across = tf.matMul(matrix(columns, toColumns), tf.reshape(byColumn, [columns, toRows * features]));
    const byRow = tf.transpose(tf.reshape(across, [toColumns, toRows, features]), [1, 0, 2]);
    return tf.reshape(byRow, [toRows * toColumns, features]);
  });
}

/** The positions of a ViT for a grid of other rows and columns; the class token's stays. [1, 1 + patches, width] */
export function interpolatePositions(
  positions: tf.Tensor,
  from: readonly [number, number],
  to: readonly [number, number],
): tf.Tensor3D {
  return tf.tidy(() => {
    const width = positions.shape[2] as number;
    const ofClass = tf.slice(positions, [0, 0, 0], [1, 1, width]);
    const table = tf.slice(positions, [0, 1, 0], [1, -1, width]);
    return tf.concat([ofClass, tf.expandDims(interpolateGrid(table, from, to), 0)], 1) as tf.Tensor3D;
  });
}
