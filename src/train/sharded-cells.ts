import * as tf from '@tensorflow/tfjs';
import { cell } from '../engine/cell.js';
import type { Cell } from '../engine/cell.js';
import { constrain, sharesGradients } from '../engine/mesh/constrain.js';
import { sharded } from '../engine/mesh/sharding.js';
import type { Sharding } from '../engine/mesh/sharding.js';
import { flatten, mapTree, treeEntries, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { LeafStorage, Tensors } from './optimizers/optimizer.js';

/** How weights are shared out over a mesh, and what a training keeps beside each. */
export class CellPlaces {
  private readonly ofPath: ReadonlyMap<string, { readonly sharding: Sharding; readonly shape: readonly number[] }>;

  /** `shardings`: a tree like the weights. */
  constructor(
    private readonly weights: Tensors,
    shardings: Tree<Sharding>,
  ) {
    const found = flatten(shardings);
    this.ofPath = new Map(
      treeEntries(weights).map(([path, { shape }], index) => [path, { sharding: found[index] ?? sharded(), shape }]),
    );
  }

  /** Cells of the weights' own places. */
  cellsOfWeights(prefix: string): Tree<Cell> {
    return mapTree<tf.Tensor, Cell>(this.weights, (tensor, path) =>
      cell(tensor, { name: `${prefix}${path}`, sharding: this.ofPath.get(path)?.sharding ?? sharded() }),
    );
  }

  /**
   * Cells for a state, in place of its tensors, which nobody else has. A leaf of a weight's shape, whose path ends in the weight's, lies where the weight does; with ZeRO it is
   * cut further over `data`.
   */
  cellsOfState(
    state: Tensors,
    prefix: string,
    storageOf: (path: string, leaf: tf.Tensor) => LeafStorage = () => undefined,
  ): Tree<Cell> {
    const cells = mapTree<tf.Tensor, Cell>(state, (tensor, path) => {
      const storage = storageOf(path, tensor);
      const sharding = this.besideWeight(path, tensor.shape);
      return cell(tensor, { name: `${prefix}${path}`, sharding, ...(storage !== undefined && { storage }) });
    });
    tf.dispose(flatten<tf.Tensor>(state));
    return cells;
  }

  /** Gradients where the weights lie; with ZeRO's second stage, where the state does. */
  constrainGradients(gradients: Tensors): Tensors {
    const places = [...this.ofPath.values()];
    const leaves = flatten<tf.Tensor>(gradients).map((gradient, index) => {
      const sharding = places[index]?.sharding ?? sharded();
      return constrain(gradient, sharesGradients() ? sharding.and('state', gradient.rank) : sharding);
    });
    return unflatten(gradients, leaves);
  }

  private besideWeight(path: string, shape: readonly number[]): Sharding {
    const parts = path.split('.');
    for (let start = 0; start < parts.length; start++) {
      const weight = this.ofPath.get(parts.slice(start).join('.'));
      if (weight !== undefined && weight.shape.join() === shape.join())
        return weight.sharding.and('state', shape.length);
    }
    return sharded();
  }
}
