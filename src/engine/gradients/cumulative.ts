import * as tf from '@tensorflow/tfjs';
import { at, positiveAxis, registerGradient } from './gradient.js';

interface Cumulative {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/**
 * y_i = Σ_{j ≤ i} x_j: ∂x_j = Σ_{i ≥ j} dy_i, the sum from the other end. (tfjs transposes the result once too often where the
 * axis is not the last.)
 */
registerGradient<Cumulative>({
  kernel: 'Cumsum',
  backward: (dys, _kept, { axis, exclusive, reverse }) => ({
    x: () => tf.cumsum(at(dys, 0), axis, exclusive, !reverse),
  }),
});

/**
 * y_i = Π_{j ≤ i} x_j:  ∂x_k = P_k · S_k  with  P_k = Π_{j < k} x_j  and  S_k = Σ_{i ≥ k} dy_i Π_{k < j ≤ i} x_j.
 *
 * Nothing is divided by x, so zeros in x give the right gradient. S obeys S_k = dy_k + x_{k+1} S_{k+1} (without y_i's own factor,
 * that is `exclusive`: T_k = dy_{k+1} + x_{k+1} T_{k+1}, for the sum over i > k), which is solved in ⌈log₂ n⌉ doublings.
 */
registerGradient<Cumulative>({
  kernel: 'Cumprod',
  inputs: ['x'],
  backward: (dys, kept, { axis, exclusive, reverse }) => ({
    x: () => {
      const position = positiveAxis(axis, at(kept, 0).rank);
      const flip = (tensor: tf.Tensor) => (reverse ? tf.reverse(tensor, position) : tensor);
      const x = flip(at(kept, 0));
      const dy = flip(at(dys, 0));
      const factors = advance(x, position, 1);
      const suffixes = solveSuffixes(factors, exclusive ? advance(dy, position, 1) : dy, position);
      return flip(tf.mul(tf.cumprod(x, position, true), suffixes));
    },
  }),
});

/** S_k = b_k + a_k S_{k+1} along an axis, S = 0 past its end: the pair (a, b) is composed with the pair 1, 2, 4, … places on. */
function solveSuffixes(factors: tf.Tensor, terms: tf.Tensor, axis: number): tf.Tensor {
  const size = terms.shape[axis] ?? 1;
  let a = factors;
  let b = terms;
  for (let distance = 1; distance < size; distance *= 2) {
    b = tf.add(b, tf.mul(a, advance(b, axis, distance)));
    if (distance * 2 < size) a = tf.mul(a, advance(a, axis, distance));
  }
  return b;
}

/** result_k = x_{k + distance}, 0 past the end. */
function advance(x: tf.Tensor, axis: number, distance: number): tf.Tensor {
  const size = x.shape[axis] ?? 1;
  const begin = x.shape.map((_, index) => (index === axis ? distance : 0));
  const kept = x.shape.map((length, index) => (index === axis ? size - distance : length));
  return tf.pad(
    tf.slice(x, begin, kept),
    x.shape.map((_, index): [number, number] => (index === axis ? [0, distance] : [0, 0])),
  );
}
