import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../../engine/cell.js';
import { treeEntries } from '../../engine/tree.js';
import type { TrainingCells } from '../step.js';
import type { Trainable } from '../train.js';

/**
 * What an optimizer keeps for the weight at `path` of a grown model, from what it kept for weights of the model before; undefined: it
 * begins anew, as for a new weight. Called for each tensor that it keeps for each weight, such as both of Adam's means.
 */
export type GrowState = (path: string, before: (path: string) => tf.Tensor | undefined) => tf.Tensor | undefined;

/** A model that has grown, and how the optimizer's state grows with it. */
export interface Grown<Architecture, Weights> extends Trainable<Architecture, Weights> {
  /** Default: what was kept for the same path, where it has the same shape. */
  readonly state?: GrowState;
}

/** Makes a larger model of one: `growContext(256)`, `stackLayers()`, or a function of your own, such as for images of another size. */
export type Grow<Architecture, Weights> = (model: Trainable<Architecture, Weights>) => Grown<Architecture, Weights>;

const samePath: GrowState = (path, before) => before(path);

/**
 * One growth after another.
 *
 * @example
 * growInTurn(growContext(128), stackLayers());
 */
export function growInTurn<Architecture, Weights>(
  ...grows: readonly Grow<Architecture, Weights>[]
): Grow<Architecture, Weights> {
  return (model) =>
    grows.reduce<Grown<Architecture, Weights>>(({ state: first = samePath, ...grown }, grow) => {
      const { state: second = samePath, ...larger } = grow(grown);
      return { ...larger, state: (path, before) => second(path, (earlier) => first(earlier, before)) };
    }, model);
}

/** The tensors of a training beside its weights, by path: `optimizer.1.first.embedding`. They are the caller's. */
export type StateTensors = ReadonlyMap<string, tf.Tensor>;

/** What a training keeps beside its weights, as it is now. */
export function readState({ parameters: _weights, ...rest }: TrainingCells): StateTensors {
  return new Map(treeEntries<Cell>(rest).map(([path, kept]) => [path, kept.read()]));
}

/**
 * Puts the state of a training into the cells of one of the grown model. A tensor whose path names a weight is grown as `state` says;
 * one that is of no weight, such as a loss scale, stays. What then has another shape than its cell begins anew.
 */
export function restoreGrown(cells: TrainingCells, before: StateTensors, state: GrowState = samePath): void {
  const weights = new Set(treeEntries<Cell>(cells.parameters).map(([path]) => path));
  const { parameters: _weights, ...rest } = cells;
  for (const [path, kept] of treeEntries<Cell>(rest)) {
    const place = weightIn(path, weights);
    const value =
      place === undefined
        ? before.get(path)
        : state(place.weight, (earlier) => before.get([place.prefix, earlier, place.suffix].filter(Boolean).join('.')));
    if (value !== undefined && value.shape.join() === kept.shape.join() && value.dtype === kept.dtype)
      kept.write(value);
  }
}

interface Place {
  readonly prefix: string;
  readonly weight: string;
  readonly suffix: string;
}

/** The weight that a path of a state names: the longest that is in it, and of these the last. */
export function weightIn(path: string, weights: ReadonlySet<string>): Place | undefined {
  const names = path.split('.');
  for (let length = names.length; length > 0; length--) {
    for (let start = names.length - length; start >= 0; start--) {
      const weight = names.slice(start, start + length).join('.');
      if (!weights.has(weight)) continue;
      return { prefix: names.slice(0, start).join('.'), weight, suffix: names.slice(start + length).join('.') };
    }
  }
  return undefined;
}
