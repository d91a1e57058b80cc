import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { Cell } from './cell.js';
import { gradients } from './custom-gradient.js';
import { treeEntries, unflatten } from './tree.js';

/** `Tensor<R0>` is no `Tensor<Rank>` to the compiler: leaves are known by what every tensor has. */
type TensorOfAnyRank = Pick<tf.Tensor, 'dataId' | 'dtype' | 'shape'>;

/** A tree with tensors in place of cells: what a function of parameters sees. */
export type Values<P> = P extends Cell | TensorOfAnyRank ? tf.Tensor : { [Key in keyof P]: Values<P[Key]> };

/** What stands for a tree of tensors: the same tree with cells or tensors as leaves. */
export type Parameters<V> = V extends TensorOfAnyRank
  ? Cell | TensorOfAnyRank
  : { readonly [Key in keyof V]: Parameters<V[Key]> };

/** The compiler cannot follow a tree of unknown depth: what replaces each leaf by a tensor has this type. */
function replaced(parameters: unknown, tensors: readonly tf.Tensor[]): unknown {
  return unflatten(parameters, tensors);
}

/** The leaves of a tree of parameters, which are tensors or cells. */
function leavesOf(parameters: unknown): (Cell | tf.Tensor)[] {
  return treeEntries<unknown>(parameters).map(([path, leaf]) => {
    if (leaf instanceof Cell || leaf instanceof tf.Tensor) return leaf as Cell | tf.Tensor;
    throw new TrainbookError({
      what: 'valueAndGrads: every leaf of the parameters must be a tensor or a cell',
      received: `${typeof leaf} at ${path === '' ? 'the root' : path}`,
      fix: 'keep configuration apart from weights',
    });
  });
}

/** The tensors of a tree of cells, as they are now. */
export function readTree<P>(parameters: P): Values<P> {
  const leaves = leavesOf(parameters).map((leaf) => (leaf instanceof Cell ? leaf.read() : leaf));
  return replaced(parameters, leaves) as Values<P>;
}

/**
 * The value of `fn` and its gradient with respect to every leaf of its argument: ∂fn/∂leaf, in the same tree.
 * A leaf that `fn` does not use has a gradient of zeros.
 *
 * @example
 * const { value, grads } = valueAndGrads((weights: Weights) => crossEntropy(forward(weights, inputs), targets))(cells);
 */
export function valueAndGrads<V>(
  fn: (values: V) => tf.Tensor,
): (parameters: Parameters<V>) => { readonly value: tf.Scalar; readonly grads: V } {
  return (parameters) => {
    const leaves = leavesOf(parameters);
    const values = leaves.map((leaf) => (leaf instanceof Cell ? leaf.read() : leaf));
    const { value, grads } = gradients(() => {
      const result = fn(replaced(parameters, values) as V);
      if (!(result instanceof tf.Tensor) || result.rank !== 0) {
        throw new TrainbookError({
          what: 'valueAndGrads: the function must return one number',
          received: result instanceof tf.Tensor ? `a tensor of shape [${result.shape.join(', ')}]` : typeof result,
          expected: 'a scalar tensor',
          fix: 'reduce the loss with tf.mean or tf.sum',
        });
      }
      return result;
    }, values);
    const complete = values.map((tensor, index) => grads[index] ?? tf.zerosLike(tensor));
    leaves.forEach((leaf, index) => {
      if (leaf instanceof Cell) values[index]?.dispose();
    });
    return { value: value as tf.Scalar, grads: replaced(parameters, complete) as V };
  };
}
