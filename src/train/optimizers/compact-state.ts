import * as tf from '@tensorflow/tfjs';
import { flatten, mapTree, unflatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import type { Optimizer, Tensors } from './optimizer.js';
import { dequantiseBlocks, quantiseBlocks } from './quantise-blocks.js';
import type { Quantised } from './quantise-blocks.js';

/** What the numbers of an optimizer's state are between steps. */
export type StateStorage = 'float32' | 'bfloat16' | 'int8';

/** What of a state is made small. */
export interface CompactStateOptions {
  /** Leaves with fewer elements stay float32: gains and biases are few and matter. Default 4096. */
  readonly fromSize?: number;
}

/**
 * The same optimizer with a small state: each step computes in float32 and stores the result rounded.
 *
 * - `bfloat16`, half the memory: the cells of a training store the leaves so. A mean with decay β follows until it is within 1/256 / (1 − β)
 *   of what it follows, since smaller changes are lost: 8% for β = 0.95. For 0.999 a second moment hardly falls.
 * - `int8`, a quarter: leaves become `{ codes, scales }` in the tree itself, see `quantiseBlocks`. Dettmers 2021 (2110.02861).
 * - `float32`: the optimizer itself, so that an experiment can say which.
 *
 * To keep some leaves as they are, such as embeddings, make it one group of a `partition`.
 *
 * @example
 * compactState(adamw({ learningRate: 1e-3 }), 'int8');
 */
export function compactState(
  optimizer: Optimizer,
  storage: StateStorage,
  { fromSize = 4096 }: CompactStateOptions = {},
): Optimizer {
  if (storage === 'float32') return optimizer;
  if (storage === 'bfloat16') return inBfloat16(optimizer, fromSize);
  return inBytes(optimizer, fromSize);
}

function inBfloat16(optimizer: Optimizer, fromSize: number): Optimizer {
  return {
    ...optimizer,
    storage: (path, leaf) => optimizer.storage?.(path, leaf) ?? (leaf.size >= fromSize ? 'bfloat16' : undefined),
  };
}

function inBytes(optimizer: Optimizer, fromSize: number): Optimizer {
  const isLarge = (leaf: tf.Tensor): boolean => leaf.dtype === 'float32' && leaf.size >= fromSize;
  const compact = (state: Tensors): Tensors =>
    mapTree<tf.Tensor, Tree<tf.Tensor>>(state, (leaf) => (isLarge(leaf) ? quantiseBlocks(leaf) : leaf));
  /** The state that was made compact; `like` has its structure and shapes. */
  const restore = (state: Tensors, like: Tensors): Tensors => {
    const stored = flatten(state).values();
    const next = (): tf.Tensor => stored.next().value as tf.Tensor;
    const leaves = flatten(like).map((leaf) => {
      if (!isLarge(leaf)) return next();
      const quantised: Quantised = { codes: next(), scales: next() };
      return dequantiseBlocks(quantised, leaf.shape);
    });
    return unflatten(like, leaves);
  };
  return {
    ...optimizer,
    init: (parameters) => {
      const state = optimizer.init(parameters);
      const compacted = compact(state);
      tf.dispose(flatten(state).filter(isLarge));
      return compacted;
    },
    update: (gradients, state, parameters, scalars) => {
      const like = optimizer.init(parameters); // of which only shapes are used: a compiled step leaves it out
      const result = optimizer.update(gradients, restore(state, like), parameters, scalars);
      return { updates: result.updates, state: compact(result.state) };
    },
  };
}
