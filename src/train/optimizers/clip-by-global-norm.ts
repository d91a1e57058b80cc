import * as tf from '@tensorflow/tfjs';
import { flatten } from '../../engine/tree.js';
import { zipTrees } from './optimizer.js';
import type { Optimizer, Tensors } from './optimizer.js';

/** Σ g² over all leaves of a tree. */
export function squaredNorm(tree: Tensors): tf.Scalar {
  const squares = flatten(tree).map((leaf) => tf.sum<tf.Scalar>(tf.square(leaf)));
  return squares.length === 0 ? tf.scalar(0) : tf.addN(squares);
}

/** √ Σ g² over all leaves of a tree. */
export function globalNorm(tree: Tensors): tf.Scalar {
  return tf.sqrt(squaredNorm(tree));
}

/** The name of the scalar that is the norm of all gradients, where an optimizer is given some of them only: those of a pipeline's stage. */
export const wholeNorm = 'wholeNorm';

/**
 * g · min(1, limit / (‖g‖ + 1e-6)), with the norm of all gradients together: directions stay, a spike is cut.
 * Pascanu, Mikolov and Bengio 2013 (1211.5063); the 1e-6 is PyTorch's. `Infinity`
 * leaves gradients as they are.
 *
 * @example
 * clipByGlobalNorm(1);
 */
export function clipByGlobalNorm(limit: number): Optimizer<readonly never[]> {
  return {
    scalars: () => ({}),
    init: () => [],
    update: (gradients, state, _, scalars) => {
      if (limit === Infinity) return { updates: gradients, state };
      const norm = scalars[wholeNorm] ?? globalNorm(gradients);
      const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-6)), 1);
      return { updates: zipTrees((gradient) => tf.mul(gradient, factor), gradients), state };
    },
  };
}
