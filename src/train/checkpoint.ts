import * as tf from '@tensorflow/tfjs';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Cell } from '../engine/cell.js';
import { flatten, treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { hashFile, readJson, writeAtomic } from '../files.js';
import type { Decoder } from '../model/decoder.js';
import { loadModel, saveModel } from '../model/model.js';
import { readSafetensors, writeSafetensors } from '../model/files/safetensors.js';
import type { StoredTensor } from '../model/files/safetensors.js';
import type { DecoderWeights } from '../model/weights.js';
import type { Cursor } from '../tokens/loader.js';
import type { Training } from './step.js';

/*
 * checkpoints/step-00000100/
 *   config.json, model.safetensors   a whole model folder: `loadModel` and Hugging Face read it
 *   optimizer.safetensors            the optimizer's state by its path in the tree, such as `1.first.layers.0.attention.query`
 *   state.json                       {"format":1,"step":100,"cursor":{"epoch":0,"row":800},"run":"<hash>","hashes":{"model.safetensors":"<hash>",…}}
 *
 * A folder is written beside and renamed, so one that has this name is whole, unless the disk has damaged it: the hashes tell.
 */

/** Where a training stands. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  readonly cursor: Cursor;
  /** A hash of everything that decides how the run goes on; another run's checkpoints are refused. */
  readonly run: string;
}

/** A checkpoint that was read. */
export interface Checkpoint extends Position {
  readonly weights: DecoderWeights;
  readonly optimizerState: ReadonlyMap<string, StoredTensor>;
}

const files = ['config.json', 'model.safetensors', 'optimizer.safetensors'] as const;

const stateSchema = z.strictObject({
  format: z.literal(1),
  step: z.int().nonnegative(),
  cursor: z.strictObject({ epoch: z.int().nonnegative(), row: z.int().nonnegative() }),
  run: z.string(),
  hashes: z.record(z.enum(files), z.string()),
});

/** Checkpoints that are kept: the newest, and the one before it in case the newest is damaged. */
const numKept = 2;

/** Writes a training's state as `step-…` in a folder of checkpoints, and removes those no longer needed. */
export async function writeCheckpoint(
  folder: string,
  architecture: Decoder,
  training: Training,
  position: Position,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const name = `step-${String(position.step).padStart(8, '0')}`;
  const beside = join(folder, `${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const weights = training.weights();
    await saveModel({ architecture, weights }, beside);
    tf.dispose(flatten<tf.Tensor>(weights));
    await writeSafetensors(join(beside, 'optimizer.safetensors'), {
      tensors: await stateTensors(training.optimizerState),
      metadata: {},
    });
    const hashes: Record<string, string> = {};
    for (const file of files) hashes[file] = await hashFile(join(beside, file));
    await writeAtomic(join(beside, 'state.json'), `${JSON.stringify({ format: 1, ...position, hashes })}\n`);
    await rm(join(folder, name), { recursive: true, force: true });
    await rename(beside, join(folder, name));
  } catch (cause) {
    await rm(beside, { recursive: true, force: true });
    throw cause;
  }
  const [, ...older] = (await checkpointNames(folder)).slice(numKept - 1);
  for (const old of older) await rm(join(folder, old), { recursive: true, force: true });
  for (const left of await readdir(folder)) {
    if (left.endsWith('.tmp')) await rm(join(folder, left), { recursive: true, force: true }); // of a run that was killed here
  }
}

/**
 * The newest whole checkpoint of a folder; a damaged one is passed over, with a warning, for the one before it.
 *
 * @throws TrainbookError if it belongs to a run with other data or settings.
 */
export async function latestCheckpoint(
  folder: string,
  architecture: Decoder,
  run: string,
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
        what: `pretrain: ${path} belongs to a run with other data or settings`,
        received: state.run,
        expected: run,
        fix: `give another folder, or remove ${folder}`,
      });
    }
    return {
      step: state.step,
      cursor: state.cursor,
      run: state.run,
      weights: (await loadModel(path)).weights,
      optimizerState: (await readSafetensors(join(path, 'optimizer.safetensors'))).tensors,
    };
  }
  return undefined;
}

/** Puts a checkpoint's numbers into a training's cells. */
export function restore(training: Training, checkpoint: Checkpoint): void {
  const values = new Map(treeEntries<tf.Tensor>(checkpoint.weights));
  for (const [path, kept] of treeEntries<Cell>(training.parameters)) writeOnce(kept, values.get(path));
  for (const [path, kept] of treeEntries<Cell>(training.optimizerState)) {
    const stored = checkpoint.optimizerState.get(path);
    writeOnce(kept, stored && tf.tensor(stored.elements as Float32Array, [...stored.shape]));
  }
}

function writeOnce(kept: Cell, value: tf.Tensor | undefined): void {
  if (value === undefined) {
    throw new TrainbookError({
      what: `pretrain: the checkpoint has no ${kept.name}`,
      expected: 'the state of the same optimizer',
      fix: 'train with the optimizer that the checkpoint was made with, or give another folder',
    });
  }
  kept.write(value);
  value.dispose();
}

async function stateTensors(state: Tree<Cell>): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  for (const [path, kept] of treeEntries<Cell>(state)) {
    tensors.set(path, { shape: kept.shape, elements: await kept.data() });
  }
  return tensors;
}

/** What state.json says, if every file is as it was written. */
async function wholeState(path: string): Promise<z.output<typeof stateSchema> | undefined> {
  try {
    const state = stateSchema.parse(await readJson(join(path, 'state.json')));
    for (const file of files) if ((await hashFile(join(path, file))) !== state.hashes[file]) return undefined;
    return state;
  } catch {
    return undefined; // missing, cut short or not JSON: all are damage
  }
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
