import type * as tf from '@tensorflow/tfjs';
import { constrain } from '../engine/mesh/constrain.js';
import { sharded } from '../engine/mesh/sharding.js';
import type { Sharding } from '../engine/mesh/sharding.js';
import { mapTree } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';

/*
 * How weights are shared out over a mesh, by their names. Over `tensor` as in Megatron (Shoeybi 2019, 1909.08053): the first matrix of a
 * pair by its columns, the second by its rows, so that what is between them, heads or hidden elements, is computed where it is used, and
 * only the sum after the second crosses the mesh; tables by rows of the vocabulary; experts one by one (Lepikhin 2020, 2006.16668).
 * Over `fsdp` along the other axis: the weights are gathered where they are used (Zhao 2023, 2304.11277).
 */

/** Matrices [inputs, outputs] whose outputs stay apart. */
const columns = /(^|\.)(query|key|value|gate|up|sharedGate|sharedUp|queryUp|keyUp|valueUp)\.(weight|bias)$/u;
/** Matrices [inputs, outputs] that add up what was apart. */
const rows = /(^|\.)(attention|cross)\.output\.weight$|(^|\.)(down|sharedDown)\.weight$/u;
/** Tables [vocabulary, width]. */
const tables = /(^|\.)(embedding|table)$|^output\.weight$/u;
/** Stacks [experts, …]. */
const experts = /(^|\.)expert(Gate|Up|Down)\.weight$/u;

/** How one weight is shared out, by its path in the tree and its shape. What no name tells is cut along its largest axis over `fsdp`. */
export function shardingOf(path: string, shape: readonly number[]): Sharding {
  const rank = shape.length;
  if (columns.test(path)) return rank === 1 ? sharded('tensor') : sharded('fsdp', 'tensor');
  if (rows.test(path) || tables.test(path)) return sharded('tensor', 'fsdp');
  if (experts.test(path)) return sharded('tensor', 'fsdp');
  if (rank < 2) return sharded();
  const largest = shape.indexOf(Math.max(...shape));
  return sharded(...shape.map((_, axis) => (axis === largest ? ('fsdp' as const) : null)));
}

/**
 * How each weight of a model is shared out over a mesh, as a tree of its own, to be changed where one knows better.
 *
 * @example
 * const architecture = decoder({ layers: 2, width: 64, heads: 4, context: 32, vocabularySize: 256 });
 * const usual = shardings(architecture.specs);
 * const other = { ...usual, embedding: sharded(null, 'tensor') };
 */
export function shardings<Weights>(weights: Weights): Shardings<Weights> {
  const tree = mapTree(weights as Tree<{ readonly shape: readonly number[] }>, ({ shape }, path) =>
    shardingOf(path, shape),
  );
  return tree as Shardings<Weights>;
}

/** A tree of weights with a sharding in the place of each. */
export type Shardings<Weights> = Weights extends { readonly shape: readonly number[] }
  ? Sharding
  : { readonly [Key in keyof Weights]: Shardings<Weights[Key]> };

/** The stream that blocks add to, [batch, time, width]: rows of the batch, and on a mesh with `sequence` positions too, are shared out. */
export function residual<Tensor extends tf.Tensor>(x: Tensor): Tensor {
  return constrain(x, stream);
}

const stream = sharded('batch', 'sequence');
