import type { Cell } from '../../engine/cell.js';
import { isBranch, mapTree, treeEntries } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Stages } from '../../model/stages.js';

/** A cell, and another one on another stage that always has the same value. */
type Twins = readonly [kept: Cell, copy: Cell];

/** The cells of all stages in the form that they have for a network in one piece. */
export interface WholeCells {
  readonly cells: Tree<Cell>;
  /** What `cells` names once and two stages have: tied weights, and what the optimizer keeps of them, or counts. */
  readonly twins: readonly Twins[];
}

/** Where each weight of the whole network is: by its path there, the stage and its path in the stage. */
type Places = ReadonlyMap<string, { readonly stage: number; readonly path: string }>;

/**
 * Cells of stages (weights, or an optimizer's state of them) as those of the whole network, so that a checkpoint is the same with a
 * pipeline and without. Wherever each stage has a tree of the form of its weights, there is one of the form of the network's weights;
 * records by path are one record; lists and records around them stay; what is not of a weight is that of the first stage.
 *
 * @throws TrainbookError for a state of another form.
 */
export function wholeCells(ofStages: readonly Tree<Cell>[], { stages, tied, whole = asList }: Stages): WholeCells {
  const weights = stages.map((stage) => stage.weights);
  const places = placesOf(weights, whole);
  const twins: Twins[] = [];
  const join = (nodes: readonly Tree<Cell>[]): Tree<Cell> => {
    const [first, last] = [nodes[0], nodes.at(-1)] as [Tree<Cell>, Tree<Cell>];
    if (nodes.every((node, stage) => hasForm(node, weights[stage]))) {
      for (const [path, other] of tied) twins.push(...pairs(subtree(first, path), subtree(last, other)));
      return whole(nodes) as Tree<Cell>;
    }
    const records = nodes.filter(isBranch);
    if (records.length < nodes.length) {
      for (const other of nodes.slice(1)) twins.push(...pairs(first, other));
      return first;
    }
    if (isByPath(records, weights)) return byPath(records, places, tied, twins);
    const keys = Object.keys(records[0] ?? {});
    if (records.some((record) => Object.keys(record).join() !== keys.join())) throw otherForm(records);
    const joined = keys.map((key) => join(records.map((record) => child(record, key))));
    return Array.isArray(first) ? joined : Object.fromEntries(keys.map((key, at) => [key, joined[at] as Tree<Cell>]));
  };
  return { cells: join(ofStages), twins };
}

/** A branch of a tree by its keys. */
type Branch = Readonly<Record<string, Tree<Cell>>>;

function child(record: unknown, key: string): Tree<Cell> {
  return (record as Branch)[key] as Tree<Cell>;
}

const asList = (parts: readonly unknown[]): unknown => parts;

function placesOf(weights: readonly Tree<unknown>[], whole: (parts: readonly unknown[]) => unknown): Places {
  const labelled = weights.map((tree, stage) => mapTree(tree, (_, path) => new Place(stage, path)));
  return new Map(treeEntries(whole(labelled) as Tree<Place>));
}

/** A class, so that trees take it for a leaf. */
class Place {
  constructor(
    readonly stage: number,
    readonly path: string,
  ) {}
}

/** Whether a tree has the branches of another; where that has leaves it may have branches of its own. */
function hasForm(tree: unknown, form: unknown): boolean {
  if (!isBranch(form)) return true;
  if (!isBranch(tree) || Array.isArray(tree) !== Array.isArray(form)) return false;
  const keys = Object.keys(form);
  return Object.keys(tree).join() === keys.join() && keys.every((key) => hasForm(child(tree, key), child(form, key)));
}

/** Whether these are records by paths of weights, as `partition` keeps the weights of a group. */
function isByPath(records: readonly unknown[], weights: readonly Tree<unknown>[]): boolean {
  const known = weights.map((tree) => new Set(treeEntries(tree).map(([path]) => path)));
  const keys = records.flatMap((record, stage) => Object.keys(record as Branch).map((key) => known[stage]?.has(key)));
  return keys.length > 0 && keys.every((isKnown) => isKnown === true);
}

function byPath(records: readonly unknown[], places: Places, tied: Stages['tied'], twins: Twins[]): Tree<Cell> {
  for (const [path, other] of tied) {
    const [kept, copy] = [child(records[0], path), child(records.at(-1), other)] as (Tree<Cell> | undefined)[];
    if (kept !== undefined && copy !== undefined) twins.push(...pairs(kept, copy));
  }
  const found = [...places].flatMap(([name, { stage, path }]) => {
    const own = child(records[stage], path) as Tree<Cell> | undefined;
    return own === undefined ? [] : [[name, own] as const];
  });
  return Object.fromEntries(found);
}

/** The leaves of two trees of one form. */
function pairs(kept: Tree<Cell>, copy: Tree<Cell>): Twins[] {
  const copies = treeEntries(copy);
  return treeEntries(kept).map(([, cell], at) => [cell, copies[at]?.[1] as Cell]);
}

function subtree(tree: Tree<Cell>, path: string): Tree<Cell> {
  return path.split('.').reduce<Tree<Cell>>((node, key) => child(node, key), tree);
}

function otherForm(records: readonly unknown[]): TrainbookError {
  return new TrainbookError({
    what: 'train: what the optimizer keeps of the stages cannot be put together',
    received: records.map((record) => `{ ${Object.keys(record as Branch).join(', ')} }`).join(' and '),
    expected: "trees of the form of the weights, or records by the weights' paths",
    fix: 'train without checkpoints of a pipeline by startPipeline, or take another optimizer',
  });
}
