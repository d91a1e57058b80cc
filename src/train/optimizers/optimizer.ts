import * as tf from '@tensorflow/tfjs';
import type { CellOptions } from '../../engine/cell.js';
import { flatten, unflatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';

/** Parameters, gradients and optimizer states: trees of tensors. */
export type Tensors = Tree<tf.Tensor>;

/** What a leaf of an optimizer's state is stored as between steps; while a step computes it is float32. */
export type LeafStorage = CellOptions['storage'];

/** Numbers of a step that are known before it runs, by name, such as the learning rate; they enter the compiled step as scalars. */
export type Scalars<Leaf> = Readonly<Record<string, Leaf>>;

/**
 * One transformation of gradients into updates; an optimizer is a chain of them. All are pure: state goes in and comes out.
 * The form is that of optax (DeepMind 2020), but what depends on the step's number alone is computed by JavaScript in
 * double precision and handed in, so that no counter is part of the state.
 */
export interface Optimizer<State extends Tensors = Tensors> {
  /** `step` counts from 1. */
  scalars(step: number): Scalars<number>;
  init(parameters: Tensors): State;
  /** Updates are added to the parameters. */
  update(
    gradients: Tensors,
    state: State,
    parameters: Tensors,
    scalars: Scalars<tf.Tensor>,
  ): { readonly updates: Tensors; readonly state: State };
  /** For the cell that keeps a leaf of the state, by its path and first value; undefined, or no such method: the leaf's own dtype. */
  storage?(path: string, leaf: tf.Tensor): LeafStorage;
}

/** A transformation without state or scalars: `fn(gradients, parameters)`. */
export function stateless(fn: (gradients: Tensors, parameters: Tensors) => Tensors): Optimizer<readonly never[]> {
  return {
    scalars: () => ({}),
    init: () => [],
    update: (gradients, state, parameters) => ({ updates: fn(gradients, parameters), state }),
  };
}

/**
 * Each transformation's updates are the next one's gradients. The state is the list of theirs.
 *
 * @example
 * chain(clipByGlobalNorm(1), scaleByAdam(), scaleByLearningRate(constant(1e-3)));
 */
export function chain(...parts: readonly Optimizer[]): Optimizer<readonly Tensors[]> {
  return {
    scalars: (step) => {
      const all = parts.flatMap((part) => Object.entries(part.scalars(step)));
      const together = Object.fromEntries(all);
      if (Object.keys(together).length < all.length)
        throw new Error('internal: two parts of a chain use one name for a scalar');
      return together;
    },
    init: (parameters) => parts.map((part) => part.init(parameters)),
    update: (gradients, states, parameters, scalars) => {
      let updates = gradients;
      const after = parts.map((part, index) => {
        const result = part.update(updates, states[index] ?? [], parameters, scalars);
        updates = result.updates;
        return result.state;
      });
      return { updates, state: after };
    },
    storage: (path, leaf) => storageWithin(parts, path, leaf),
  };
}

/** What the part says of a leaf whose path begins with the part's own name or number. */
export function storageWithin(
  parts: readonly Optimizer[] | Readonly<Record<string, Optimizer>>,
  path: string,
  leaf: tf.Tensor,
): LeafStorage {
  for (const [name, part] of Object.entries(parts)) {
    if (path === name || path.startsWith(`${name}.`)) return part.storage?.(path.slice(name.length + 1), leaf);
  }
  return undefined;
}

/** The structure of `like` with zeros: how most states begin. */
export function zerosLike(like: Tensors): Tensors {
  return zipTrees((leaf) => tf.zerosLike(leaf), like);
}

/** Trees of one structure, leaf by leaf: `fn(a, b, …)` at each place. */
export function zipTrees(
  fn: (...leaves: tf.Tensor[]) => tf.Tensor,
  first: Tensors,
  ...others: readonly Tensors[]
): Tensors {
  const columns = others.map((tree) => flatten(tree));
  const leaves = flatten(first).map((leaf, index) => fn(leaf, ...columns.map((column) => column[index] as tf.Tensor)));
  return unflatten(first, leaves);
}
