import type * as tf from '@tensorflow/tfjs';
import type { Cell } from '../engine/cell.js';
import { flatten, mapTree } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { Tensors } from './optimizers/optimizer.js';

/** The values of a tree of cells now; in a compiled function, at this point of it. */
export function readAll(cells: Tree<Cell>): Tensors {
  return mapTree<Cell, tf.Tensor>(cells, (kept) => kept.read());
}

/** Gives each cell of a tree the value at its place in another of the same structure. */
export function writeAll(cells: Tree<Cell>, values: Tensors): void {
  const tensors = flatten<tf.Tensor>(values);
  flatten<Cell>(cells).forEach((kept, index) => {
    kept.write(tensors[index] as tf.Tensor);
  });
}
