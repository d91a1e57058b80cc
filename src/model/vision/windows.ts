import * as tf from '@tensorflow/tfjs';
import { roll } from '../../engine/gradients/roll.js';
import { dropout } from '../dropout.js';
import { masked } from '../mixing.js';
import type { Mixing } from '../mixing.js';

// Legend: rows × columns tokens in windows of M × M; n = rows × columns / M² windows.

/** Where windows lie on a grid of tokens. */
export interface Windows {
  readonly grid: readonly [rows: number, columns: number];
  /** M: the side of a window, in tokens; divides both sides of the grid. */
  readonly window: number;
  /** By how many tokens the windows are moved down and to the right; those that leave the grid come in again at the other side. */
  readonly shift: number;
}

/**
 * Tokens row by row, [batch, rows × columns, width], to tokens window by window, [batch × n, M², width]; shifted cyclically before: Liu 2021
 * (2103.14030), figure 4.
 */
export function toWindows(x: tf.Tensor, { grid: [rows, columns], window, shift }: Windows): tf.Tensor {
  const [batch, , width] = x.shape as [number, number, number];
  const onGrid = tf.reshape(x, [batch, rows, columns, width]);
  const shifted = shift === 0 ? onGrid : roll(roll(onGrid, -shift, 1), -shift, 2);
  const parted = tf.reshape(shifted, [batch, rows / window, window, columns / window, window, width]);
  return tf.reshape(tf.transpose(parted, [0, 1, 3, 2, 4, 5]), [-1, window * window, width]);
}

/** Back again: the inverse of `toWindows`. */
export function fromWindows(x: tf.Tensor, { grid: [rows, columns], window, shift }: Windows): tf.Tensor3D {
  const width = x.shape.at(-1) as number;
  const parted = tf.reshape(x, [-1, rows / window, columns / window, window, window, width]);
  const onGrid = tf.reshape(tf.transpose(parted, [0, 1, 3, 2, 4, 5]), [-1, rows, columns, width]);
  const moved = shift === 0 ? onGrid : roll(roll(onGrid, shift, 1), shift, 2);
  return tf.reshape(moved, [-1, rows * columns, width]);
}

/** Which token of the grid, counted row by row, stands at each place of the windows: [n × M²]. */
export function windowPlaces({ grid: [rows, columns], window, shift }: Windows): Int32Array {
  const places: number[] = [];
  for (let top = 0; top < rows; top += window)
    for (let left = 0; left < columns; left += window)
      for (let y = top; y < top + window; y++)
        for (let x = left; x < left + window; x++)
          places.push(((y + shift) % rows) * columns + ((x + shift) % columns));
  return Int32Array.from(places);
}

/**
 * What hides tokens from each other that stand in one window only because the shift brought them in at the other side: 0 or `masked`, to
 * be added to scores [n, 1, M², M²]; undefined without a shift.
 */
export function shiftMask(windows: Windows): tf.Tensor4D | undefined {
  const { grid, window, shift } = windows;
  if (shift === 0) return undefined;
  const [rows, columns] = grid;
  // Tokens of the last window are of two regions on each axis: those that stand there, and those that came in.
  const region = (place: number, size: number): number => (place < size - window ? 0 : place < size - shift ? 1 : 2);
  const ofPlace = Array.from(windowPlaces({ grid, window, shift: 0 }), (place) => {
    return 3 * region(Math.floor(place / columns), rows) + region(place % columns, columns);
  });
  const size = window * window;
  const mask = new Float32Array(ofPlace.length * size);
  ofPlace.forEach((own, query) => {
    const first = query - (query % size);
    for (let key = 0; key < size; key++) mask[query * size + key] = ofPlace[first + key] === own ? 0 : masked;
  });
  return tf.tensor4d(mask, [ofPlace.length / size, 1, size, size]);
}

/**
 * Which row of the table of biases each pair of tokens has: (Δy + M − 1)(2M − 1) + Δx + M − 1, from query to key. [M² × M²]
 * Pairs of equal distance share a bias, so there are (2M − 1)² of them.
 */
export function relativePlaces(window: number): Int32Array {
  const size = window * window;
  return Int32Array.from({ length: size * size }, (_, pair) => {
    const [query, key] = [Math.floor(pair / size), pair % size];
    const rows = Math.floor(query / window) - Math.floor(key / window) + window - 1;
    const columns = (query % window) - (key % window) + window - 1;
    return rows * (2 * window - 1) + columns;
  });
}

/** The biases of each head from a table of [(2M − 1)², heads]: [1, heads, M², M²]. */
export function relativeBias(table: tf.Tensor, window: number): tf.Tensor4D {
  const size = window * window;
  const rows = tf.gather(table, tf.tensor1d(relativePlaces(window), 'int32')); // [M² × M², heads]
  return tf.reshape(tf.transpose(rows), [1, -1, size, size]);
}

/**
 * softmax(Q Kᵀ + B) V in each window: B [n or 1, heads, M², M²] has the relative biases and the mask of shifted windows.
 * queries [batch × n, heads, 1, M², headSize], keys and values [batch × n, heads, M², headSize] → the queries' shape.
 */
export function windowMixing(bias: tf.Tensor): Mixing {
  return (queries, keys, values, left) => {
    const [all, heads, , size, headSize] = queries.shape as [number, number, number, number, number];
    const scores = tf.matMul(tf.reshape(queries, [all, heads, size, headSize]), keys, false, true);
    const n = bias.shape[0];
    const biased = tf.add(tf.reshape(scores, [all / n, n, heads, size, size]), bias);
    const attention = dropout(tf.reshape(tf.softmax(biased), [all, heads, size, size]), left);
    return tf.reshape(tf.matMul(attention, values), queries.shape);
  };
}
