import * as tf from '@tensorflow/tfjs';
import { mapTree } from '../../engine/tree.js';
import { stateless } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/**
 * update · factor, by the path of the leaf. At the end of a chain, behind `scaleByLearningRate`, it is a learning rate of each leaf's
 * own, decay included; with a factor of 0 the leaf stays as it is.
 *
 * @example
 * chain(adamw({ learningRate: 1e-4 }), scaleByPath((path) => (path.startsWith('embedding') ? 0.1 : 1)));
 */
export function scaleByPath(factorOf: (path: string) => number): Optimizer<readonly never[]> {
  return stateless((updates) =>
    mapTree<tf.Tensor, tf.Tensor>(updates, (update, path) => {
      const factor = factorOf(path);
      return factor === 1 ? update : tf.mul(update, factor);
    }),
  );
}
