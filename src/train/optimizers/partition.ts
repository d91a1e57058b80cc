import type * as tf from '@tensorflow/tfjs';
import { mapTree, treeEntries } from '../../engine/tree.js';
import { storageWithin } from './optimizer.js';
import type { Optimizer, Tensors } from './optimizer.js';

/** Leaves of a tree by their paths, such as `{ 'layers.0.attention.query.weight': tensor }`: a tree too. */
type Leaves = Readonly<Record<string, tf.Tensor>>;

/**
 * Different optimizers for different leaves: `groupOf` names each leaf's group by its path and tensor, and each group's optimizer sees
 * a flat tree of its own leaves, by their whole paths. The state is a record of the groups' states, and the scalar `learningRate` of
 * a group `matrices` is called `matrices.learningRate`.
 *
 * What looks at all gradients together, such as `clipByGlobalNorm`, stands before it in a chain: within a group it sees that group.
 *
 * @example
 * partition((path) => (path.startsWith('layers.') ? 'blocks' : 'rest'), {
 *   blocks: lion({ learningRate: 1e-4 }),
 *   rest: adamw({ learningRate: 3e-4 }),
 * });
 */
export function partition<Group extends string>(
  groupOf: (path: string, parameter: tf.Tensor) => Group,
  groups: Readonly<Record<Group, Optimizer>>,
): Optimizer<Readonly<Record<Group, Tensors>>> {
  const entries = Object.entries<Optimizer>(groups) as [Group, Optimizer][];
  /** The leaves of each group, of a tree that is built as the parameters are. */
  const split = (tree: Tensors, parameters: Tensors): ((group: Group) => Leaves) => {
    const own = treeEntries<tf.Tensor>(parameters).map(([path, parameter]) => groupOf(path, parameter));
    const leaves = treeEntries<tf.Tensor>(tree);
    return (group) => Object.fromEntries(leaves.filter((_, index) => own[index] === group));
  };
  const eachGroup = <Value>(fn: (group: Group, optimizer: Optimizer) => Value): Readonly<Record<Group, Value>> =>
    Object.fromEntries(entries.map(([group, optimizer]) => [group, fn(group, optimizer)])) as Record<Group, Value>;
  return {
    scalars: (step) =>
      Object.fromEntries(
        entries.flatMap(([group, optimizer]) =>
          Object.entries(optimizer.scalars(step)).map(([name, value]) => [`${group}.${name}`, value]),
        ),
      ),
    init: (parameters) => {
      const own = split(parameters, parameters);
      return eachGroup((group, optimizer) => optimizer.init(own(group)));
    },
    update: (gradients, state, parameters, scalars) => {
      const ownGradients = split(gradients, parameters);
      const ownParameters = split(parameters, parameters);
      const results = eachGroup((group, optimizer) =>
        optimizer.update(ownGradients(group), state[group], ownParameters(group), scalarsOf(group, scalars)),
      );
      const updates = new Map(entries.flatMap(([group]) => treeEntries<tf.Tensor>(results[group].updates)));
      return {
        updates: mapTree<tf.Tensor, tf.Tensor>(gradients, (_, path) => updates.get(path) ?? missing(path)),
        state: eachGroup((group) => results[group].state),
      };
    },
    storage: (path, leaf) => storageWithin(groups, path, leaf),
  };
}

function scalarsOf(group: string, scalars: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor> {
  const own = Object.entries(scalars).filter(([name]) => name.startsWith(`${group}.`));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(group.length + 1), value]));
}

function missing(path: string): never {
  throw new Error(`partition: groupOf gave ${path} a group that has no optimizer`);
}
