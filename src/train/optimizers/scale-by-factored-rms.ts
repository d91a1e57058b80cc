// Legend: a matrix's last two axes are [rows, columns]; `...` stands for any before them.
import * as tf from '@tensorflow/tfjs';
import { treeEntries, unflatten } from '../../engine/tree.js';
import type { Optimizer } from './optimizer.js';

/** How the means of squared gradients are kept. */
export interface FactoredRmsOptions {
  /** The decay of step t is β = 1 − t^−decayPower: early means forget fast. Default 0.8. */
  readonly decayPower?: number;
  /** Added to squared gradients, so that no mean is 0. Default 1e-30. */
  readonly epsilon?: number;
}

type ByPath = Readonly<Record<string, tf.Tensor>>;

/** Means of squared gradients by the parameter's path: of a matrix those of its rows and columns, of others all. */
export type FactoredState = {
  readonly rows: ByPath; // each [..., rows]
  readonly columns: ByPath; // each [..., columns]
  readonly squares: ByPath;
};

/**
 * update = g / √v̂. For a matrix v̂ᵢⱼ = rᵢ cⱼ / mean(r), with r ← β r + (1 − β) mean of g² + ε over the columns, and c likewise over the
 * rows: the best matrix of rank one, kept as n + m numbers instead of n · m. For a vector v̂ is the mean of g² + ε itself.
 * Shazeer and Stern 2018, "Adafactor" (1804.04235).
 *
 * @example
 * chain(scaleByFactoredRms(), clipByRms(1), scaleByLearningRate(1e-3));
 */
export function scaleByFactoredRms({
  decayPower = 0.8,
  epsilon = 1e-30,
}: FactoredRmsOptions = {}): Optimizer<FactoredState> {
  return {
    scalars: (step) => ({ squaresDecay: 1 - step ** -decayPower }),
    init: (parameters) => {
      const leaves = treeEntries<tf.Tensor>(parameters);
      const matrices = leaves.filter(([, leaf]) => leaf.rank >= 2);
      const others = leaves.filter(([, leaf]) => leaf.rank < 2);
      const zeros = (some: typeof leaves, shape: (of: number[]) => number[]): ByPath =>
        Object.fromEntries(some.map(([path, leaf]) => [path, tf.zeros(shape(leaf.shape))]));
      return {
        rows: zeros(matrices, (shape) => shape.slice(0, -1)),
        columns: zeros(matrices, (shape) => [...shape.slice(0, -2), ...shape.slice(-1)]),
        squares: zeros(others, (shape) => shape),
      };
    },
    update: (gradients, state, _parameters, { squaresDecay: beta }) => {
      if (beta === undefined) throw new Error('internal: scaleByFactoredRms needs its scalar');
      const average = (mean: tf.Tensor, value: tf.Tensor): tf.Tensor =>
        tf.add(tf.mul(mean, beta), tf.mul(value, tf.sub(1, beta)));
      const rows: Record<string, tf.Tensor> = {};
      const columns: Record<string, tf.Tensor> = {};
      const squares: Record<string, tf.Tensor> = {};
      const updates = treeEntries<tf.Tensor>(gradients).map(([path, gradient]) => {
        const square = tf.add(tf.square(gradient), epsilon);
        const ofRows = state.rows[path];
        const ofColumns = state.columns[path];
        if (ofRows !== undefined && ofColumns !== undefined) {
          rows[path] = average(ofRows, tf.mean(square, -1));
          columns[path] = average(ofColumns, tf.mean(square, square.rank - 2));
          return tf.mul(gradient, inverseRoot(rows[path], columns[path]));
        }
        squares[path] = average(state.squares[path] as tf.Tensor, square);
        return tf.mul(gradient, tf.rsqrt(squares[path]));
      });
      return { updates: unflatten(gradients, updates), state: { rows, columns, squares } };
    },
  };
}

/** 1 / √(r cᵀ / mean(r)), a root at a time: the product itself may be too small for float32. */
function inverseRoot(rows: tf.Tensor, columns: tf.Tensor): tf.Tensor {
  const ofRows = tf.rsqrt(tf.div(rows, tf.mean(rows, -1, true)));
  return tf.mul(tf.expandDims(ofRows, -1), tf.expandDims(tf.rsqrt(columns), -2)); // [..., rows, columns]
}
