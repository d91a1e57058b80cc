import * as tf from '@tensorflow/tfjs';
import { treeEntries } from '../engine/tree.js';
import type { Tensors } from './optimizers/optimizer.js';

/** Norms over a group of leaves at one step: √ Σ x² over all their numbers. */
export interface GroupNorms {
  /** Of the gradients, before clipping. */
  readonly gradient: number;
  /** Of the weights, after the step. */
  readonly weight: number;
  /** Of what was added to the weights: 0 where the step was left out. */
  readonly update: number;
}

/** Norms by group. */
export type Statistics = Readonly<Record<string, GroupNorms>>;

/**
 * The group that a leaf counts in: its block, which is its path up to the first number; outside of blocks, the branch it is in.
 *
 * @example
 * groupOf('layers.3.attention.query.weight'); // 'layers.3'
 * groupOf('embedding'); // 'embedding'
 * groupOf('norm.weight'); // 'norm'
 */
export function groupOf(path: string): string {
  const names = path.split('.');
  const number = names.findIndex((name) => /^\d+$/.test(name));
  if (number >= 0) return names.slice(0, number + 1).join('.');
  return (names.length > 1 ? names.slice(0, -1) : names).join('.') || 'weights';
}

/** The groups of a tree, in the order of its leaves. */
export function groupNames(tree: Tensors): string[] {
  return [...new Set(treeEntries<tf.Tensor>(tree).map(([path]) => groupOf(path)))];
}

/** Norms of each group of several trees of one structure: [trees, groups], row by row. */
export function groupNorms(...trees: readonly Tensors[]): tf.Tensor1D {
  const norms = trees.flatMap((tree) => {
    const squares = new Map<string, tf.Scalar[]>();
    for (const [path, leaf] of treeEntries<tf.Tensor>(tree)) {
      const group = groupOf(path);
      squares.set(group, [...(squares.get(group) ?? []), tf.sum<tf.Scalar>(tf.square(leaf))]);
    }
    return [...squares.values()].map((sums) => tf.addN(sums));
  });
  return tf.sqrt(tf.stack(norms)) as tf.Tensor1D;
}

/** What `groupNorms` of gradients, weights and updates says. */
export function readStatistics(names: readonly string[], numbers: readonly number[]): Statistics {
  const at = (row: number, group: number): number => numbers[row * names.length + group] ?? NaN;
  return Object.fromEntries(
    names.map((name, group) => [name, { gradient: at(0, group), weight: at(1, group), update: at(2, group) }]),
  );
}

/**
 * Statistics as metrics: `gradientNorm/layers.0`, `weightNorm/layers.0`, and `updateRatio/layers.0`, ‖update‖ / ‖weight‖: about 10⁻³
 * where a learning rate fits.
 */
export function statisticsMetrics(statistics: Statistics): Record<string, number> {
  return Object.fromEntries(
    Object.entries(statistics).flatMap(([group, { gradient, weight, update }]) => [
      [`gradientNorm/${group}`, gradient],
      [`weightNorm/${group}`, weight],
      // Weights that begin as zeros have no ratio before their first update.
      ...(weight > 0 ? [[`updateRatio/${group}`, update / weight] as const] : []),
    ]),
  );
}
