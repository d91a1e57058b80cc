import * as tf from '@tensorflow/tfjs';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cell } from '../../engine/cell.js';
import { mapTree, treeEntries } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { hashFile, syncFolder, writeAtomic } from '../../files.js';
import { float32ToBfloat16, float32ToFloat16 } from '../../model/files/half.js';
import { openNamed, writeShards } from '../../model/files/sharded.js';
import type { FileHashes, ShardOptions } from '../../model/files/sharded.js';
import type { Dtype, StoredTensor, WritableTensor } from '../../model/files/stored-tensor.js';
import { tensorOf } from '../../model/tree-weights.js';
import { checkpointName, checkpointNames, readState, stateText } from './checkpoint-state.js';
import type { Position } from './checkpoint-state.js';
import type { TrainingCells } from '../step.js';

/*
 * checkpoints/step-00000100/
 *   model.safetensors     the weights, and config.json: a whole model folder, where the model has such a form (`ModelFiles`)
 *   training.safetensors  everything else that changes, by its path in the tree: `optimizer.1.first.layers.0.attention.query`, …
 *   state.json            the step, the loader's cursor, what the loop remembers, and the hashes of the files (`checkpoint-state.ts`)
 *
 * Both safetensors are shards with an index where they are large. Tensors have the dtype that their cell stores: F32, BF16, F16, I32.
 * There are no random keys: each is the run's key folded with the number of a step or an epoch.
 *
 * A folder is written beside, flushed to disk and renamed, so one that has this name is whole, unless the disk has damaged it: the
 * hashes tell.
 */

/** A checkpoint whose files are as they were written. */
export interface Checkpoint extends Position {
  readonly folder: string;
}

/** How a kind of model is kept: a folder that others can read. */
export interface ModelFiles<Weights> {
  /** May give the hashes of its files, where it has them from writing; other files are read again to be hashed. */
  write(weights: Weights, folder: string, options?: ShardOptions): Promise<FileHashes> | Promise<void>;
  read(folder: string): Promise<Weights>;
}

/** How a checkpoint is written. */
export interface CheckpointFiles<Weights> {
  readonly files: ModelFiles<Weights>;
  /** What the tensors of one file take at most, in bytes; default 2 GB (2·10⁹). */
  readonly maxShardBytes?: number | undefined;
}

/** The name of the files of all cells but the weights. */
const rest = 'training';

const dtypes: Readonly<Record<string, Dtype>> = {
  float32: 'F32',
  bfloat16: 'BF16',
  float16: 'F16',
  int32: 'I32',
  bool: 'BOOL',
};

/** A training's cells as they are at one moment. */
export interface Snapshot {
  readonly weights: Tree<tf.Tensor>;
  readonly rest: ReadonlyMap<string, { readonly dtype: Dtype; readonly tensor: tf.Tensor }>;
}

/**
 * Holds what the cells have now. That takes 1 ms and no memory, until a step gives the cells other numbers: then the former ones take
 * memory beside them, at most as much as all cells together. Less as a rule, since each is let go of when it is written: for 193 MB of
 * cells, of a model of 17 million parameters with AdamW, the peak of a training rose by 146 MB (graph) and 134 MB (XLA).
 */
export function takeSnapshot(cells: TrainingCells): Snapshot {
  return {
    weights: mapTree<Cell, tf.Tensor>(cells.parameters, (kept) => kept.snapshot()),
    rest: new Map(
      treeEntries<Cell>(restOf(cells)).map(([path, kept]) => {
        const dtype = dtypes[kept.storage];
        if (dtype === undefined) throw new Error(`internal: ${kept.name} stores ${kept.storage}`);
        return [path, { dtype, tensor: kept.snapshot() }];
      }),
    ),
  };
}

/**
 * Writes a snapshot as `step-…` in a folder of checkpoints, tensor by tensor, and lets go of it. Gives the checkpoint's folder.
 *
 * @throws what the system says, if the disk is full or refuses; the folder is as it was before.
 */
export async function writeCheckpoint<Weights>(
  folder: string,
  snapshot: Snapshot,
  position: Position,
  { files, maxShardBytes = 2e9 }: CheckpointFiles<Weights>,
): Promise<string> {
  const name = checkpointName(position.step);
  const beside = join(folder, `${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const made = await mkdir(folder, { recursive: true });
    if (made !== undefined) await syncFolder(dirname(made));
    await mkdir(beside);
    const ofRest = await writeShards(
      beside,
      { tensors: writableRest(snapshot), metadata: {} },
      { name: rest, maxShardBytes },
    );
    const ofWeights = await files.write(snapshot.weights as Weights, beside, { maxShardBytes });
    const hashes = await allHashes(beside, { ...ofRest, ...ofWeights });
    await writeAtomic(join(beside, 'state.json'), stateText(position, hashes));
    await syncFolder(beside);
    await rm(join(folder, name), { recursive: true, force: true }); // damaged, or it would have been gone on from
    await rename(beside, join(folder, name));
    await syncFolder(folder);
  } catch (cause) {
    await rm(beside, { recursive: true, force: true }).catch(() => undefined); // why it failed matters more
    throw cause;
  } finally {
    tf.dispose(snapshot.weights as tf.TensorContainer);
    for (const { tensor } of snapshot.rest.values()) tensor.dispose();
  }
  return join(folder, name);
}

/** Each is let go of when it has been read. */
function writableRest(snapshot: Snapshot): Map<string, WritableTensor> {
  return new Map(
    [...snapshot.rest].map(([path, { dtype, tensor }]) => {
      const read = async (): Promise<StoredTensor> => {
        const elements = await tensor.data();
        tensor.dispose();
        const { shape } = tensor;
        if (dtype === 'BF16') return { shape, dtype, elements: float32ToBfloat16(elements as Float32Array) };
        if (dtype === 'F16') return { shape, dtype, elements: float32ToFloat16(elements as Float32Array) };
        return dtype === 'BOOL' ? { shape, dtype, elements } : { shape, elements };
      };
      return [path, { dtype, shape: tensor.shape, read }];
    }),
  );
}

/** The hashes of all files of a folder; those that are not known are read, and flushed to disk. */
async function allHashes(folder: string, known: FileHashes): Promise<FileHashes> {
  const hashes: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    hashes[name] = known[name] ?? (await flushedHash(join(folder, name)));
  }
  return hashes;
}

async function flushedHash(path: string): Promise<string> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return hashFile(path);
}

/**
 * The newest whole checkpoint of a folder; a damaged one is passed over, with a warning, for the one before it.
 *
 * @throws TrainbookError if all are damaged, if it belongs to a run with other data or settings, or if another version wrote it.
 */
export async function latestCheckpoint(folder: string, run: string): Promise<Checkpoint | undefined> {
  const damaged: string[] = [];
  for (const name of await checkpointNames(folder)) {
    const path = join(folder, name);
    const found = await readState(path);
    if ('damage' in found) {
      damaged.push(`${name}: ${found.damage}`);
      console.warn(`trainbook: the checkpoint ${path} is damaged (${found.damage}); going on from the one before it`);
      continue;
    }
    if (found.run !== run) {
      throw new TrainbookError({
        what: `train: ${path} belongs to a run with other data or settings`,
        received: found.run,
        expected: run,
        fix: `give another folder, or remove ${folder}`,
      });
    }
    return { ...found, folder: path };
  }
  if (damaged.length === 0) return undefined;
  throw new TrainbookError({
    what: `train: all checkpoints in ${folder} are damaged`,
    received: damaged.join('; '),
    expected: 'one that is whole, to go on from',
    fix: `put back a copy of one of them; or remove ${folder}, and training starts anew`,
  });
}

/**
 * Puts a checkpoint's numbers into a training's cells, one tensor after another.
 *
 * @throws TrainbookError if it is the state of another model or optimizer.
 */
export async function restore<Weights>(
  cells: TrainingCells,
  { folder }: Checkpoint,
  files: ModelFiles<Weights>,
): Promise<void> {
  const weights = (await files.read(folder)) as Tree<tf.Tensor>;
  const values = new Map(treeEntries<tf.Tensor>(weights));
  for (const [path, kept] of treeEntries<Cell>(cells.parameters)) {
    const value = values.get(path);
    if (value === undefined) throw otherState(kept, folder, 'no such weight');
    kept.write(value);
  }
  tf.dispose(weights as tf.TensorContainer);
  const file = await openNamed(folder, rest);
  try {
    for (const [path, kept] of treeEntries<Cell>(restOf(cells))) {
      const entry = file.tensors.get(path);
      if (entry?.shape.join() !== kept.shape.join() || entry.dtype !== dtypes[kept.storage]) {
        throw otherState(kept, folder, entry && `${entry.dtype} [${entry.shape.join(', ')}]`);
      }
      const value = tensorOf(await entry.read(), kept.dtype);
      kept.write(value);
      value.dispose();
    }
  } finally {
    await file.close();
  }
}

function otherState(kept: Cell, folder: string, received: string | undefined): TrainbookError {
  return new TrainbookError({
    what: `train: the checkpoint ${folder} ${received === undefined ? 'has no' : 'has another'} ${kept.name}`,
    received: received ?? 'nothing',
    expected: `${dtypes[kept.storage] ?? kept.storage} [${kept.shape.join(', ')}]: the state of the same optimizer`,
    fix: 'train with the optimizer that the checkpoint was made with, or give another folder',
  });
}

/** All cells but the weights. */
function restOf({ parameters: _weights, ...others }: TrainingCells): Tree<Cell> {
  return others;
}
