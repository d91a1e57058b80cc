import * as tf from '@tensorflow/tfjs';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Cell } from '../engine/cell.js';
import { mapTree, treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { hashFile, readJson, writeAtomic } from '../files.js';
import { readSafetensors, writeSafetensors } from '../model/files/safetensors.js';
import type { StoredTensor } from '../model/files/safetensors.js';
import type { Cursor } from '../tokens/loader.js';
import type { TrainingCells } from './step.js';
import { watchSchema } from './watch.js';
import type { Watch } from './watch.js';

/*
 * checkpoints/step-00000100/
 *   model.safetensors     the weights, and config.json: a whole model folder, where the model has such a form (`ModelFiles`)
 *   training.safetensors  everything else that changes, by its path in the tree: `optimizer.1.first.layers.0.attention.query`, …
 *   state.json            {"format":2,"step":100,"cursor":{"epoch":0,"row":800},"watch":{…},"run":"<hash>","hashes":{"model.safetensors":"<hash>",…}}
 *
 * A folder is written beside and renamed, so one that has this name is whole, unless the disk has damaged it: the hashes tell.
 */

/** Where a training stands. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  readonly cursor: Cursor;
  readonly watch: Watch;
  /** A hash of everything that decides how the run goes on; another run's checkpoints are refused. */
  readonly run: string;
}

/** A checkpoint that was read. */
export interface Checkpoint extends Position {
  readonly folder: string;
  readonly weights: Tree<tf.Tensor>;
  /** The other cells by their path. */
  readonly rest: ReadonlyMap<string, StoredTensor>;
}

/** How a kind of model is kept: a folder that others can read. */
export interface ModelFiles<Weights> {
  write(weights: Weights, folder: string): Promise<void>;
  read(folder: string): Promise<Weights>;
}

const trainingFile = 'training.safetensors';

const stateSchema = z.strictObject({
  format: z.literal(2),
  step: z.int().nonnegative(),
  cursor: z.strictObject({ epoch: z.int().nonnegative(), row: z.int().nonnegative() }),
  watch: watchSchema,
  run: z.string(),
  hashes: z.record(z.string(), z.string()),
});

/** Writes a training's state as `step-…` in a folder of checkpoints, and removes those no longer needed. Gives its folder. */
export async function writeCheckpoint<Weights>(
  folder: string,
  cells: TrainingCells,
  position: Position,
  { files, keepLast }: { readonly files: ModelFiles<Weights>; readonly keepLast: number },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = checkpointName(position.step);
  const beside = join(folder, `${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(beside);
    const weights = mapTree<Cell, tf.Tensor>(cells.parameters, (kept) => kept.read());
    await files.write(weights as Weights, beside);
    tf.dispose(weights as tf.TensorContainer);
    const tensors = await storedCells(restOf(cells));
    await writeSafetensors(join(beside, trainingFile), { tensors, metadata: {} });
    const hashes: Record<string, string> = {};
    for (const file of (await readdir(beside)).sort()) hashes[file] = await hashFile(join(beside, file));
    await writeAtomic(join(beside, 'state.json'), `${JSON.stringify({ format: 2, ...position, hashes })}\n`);
    await rm(join(folder, name), { recursive: true, force: true });
    await rename(beside, join(folder, name));
  } catch (cause) {
    await rm(beside, { recursive: true, force: true });
    throw cause;
  }
  await removeOthers(folder, keepLast, position.watch.best?.step);
  return join(folder, name);
}

/** Removes all but the newest ones and the best one, and what a killed run left half-written. */
async function removeOthers(folder: string, keepLast: number, bestStep: number | undefined): Promise<void> {
  const best = bestStep === undefined ? undefined : checkpointName(bestStep);
  for (const old of (await checkpointNames(folder)).slice(keepLast)) {
    if (old !== best) await rm(join(folder, old), { recursive: true, force: true });
  }
  for (const left of await readdir(folder)) {
    if (left.endsWith('.tmp')) await rm(join(folder, left), { recursive: true, force: true });
  }
}

/**
 * The newest whole checkpoint of a folder; a damaged one is passed over, with a warning, for the one before it.
 *
 * @throws TrainbookError if it belongs to a run with other data or settings.
 */
export async function latestCheckpoint<Weights>(
  folder: string,
  run: string,
  files: ModelFiles<Weights>,
): Promise<Checkpoint | undefined> {
  for (const name of await checkpointNames(folder)) {
    const path = join(folder, name);
    const state = await wholeState(path);
    if (state === undefined) {
      console.warn(`trainbook: the checkpoint ${path} is damaged; going on from the one before it`);
      continue;
    }
    if (state.run !== run) {
      throw new TrainbookError({
        what: `train: ${path} belongs to a run with other data or settings`,
        received: state.run,
        expected: run,
        fix: `give another folder, or remove ${folder}`,
      });
    }
    const { step, cursor, watch } = state;
    const weights = (await files.read(path)) as Tree<tf.Tensor>;
    return {
      step,
      cursor,
      watch,
      run,
      folder: path,
      weights,
      rest: (await readSafetensors(join(path, trainingFile))).tensors,
    };
  }
  return undefined;
}

/** Puts a checkpoint's numbers into a training's cells. */
export function restore(cells: TrainingCells, checkpoint: Checkpoint): void {
  const values = new Map(treeEntries<tf.Tensor>(checkpoint.weights));
  for (const [path, kept] of treeEntries<Cell>(cells.parameters)) writeOnce(kept, values.get(path));
  for (const [path, kept] of treeEntries<Cell>(restOf(cells))) {
    const stored = checkpoint.rest.get(path);
    writeOnce(kept, stored && tf.tensor(stored.elements as Float32Array, [...stored.shape], kept.dtype));
  }
}

function writeOnce(kept: Cell, value: tf.Tensor | undefined): void {
  if (value === undefined) {
    throw new TrainbookError({
      what: `train: the checkpoint has no ${kept.name}`,
      expected: 'the state of the same optimizer',
      fix: 'train with the optimizer that the checkpoint was made with, or give another folder',
    });
  }
  kept.write(value);
  value.dispose();
}

/** All cells but the weights. */
function restOf({ parameters: _weights, ...rest }: TrainingCells): Tree<Cell> {
  return rest;
}

async function storedCells(cells: Tree<Cell>): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  for (const [path, kept] of treeEntries<Cell>(cells)) {
    tensors.set(path, { shape: kept.shape, elements: await kept.data() });
  }
  return tensors;
}

/** What state.json says, if every file is as it was written. */
async function wholeState(path: string): Promise<z.output<typeof stateSchema> | undefined> {
  try {
    const state = stateSchema.parse(await readJson(join(path, 'state.json')));
    for (const [file, expected] of Object.entries(state.hashes)) {
      if ((await hashFile(join(path, file))) !== expected) return undefined;
    }
    return state;
  } catch {
    return undefined; // missing, cut short or not JSON: all are damage
  }
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/** Names of checkpoints, the newest first. */
async function checkpointNames(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return []; // no folder, no checkpoints
  }
  return names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .reverse();
}
