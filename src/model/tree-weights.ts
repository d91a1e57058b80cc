import * as tf from '@tensorflow/tfjs';
import { mkdir } from 'node:fs/promises';
import { treeEntries, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { openWeights } from './files/open-weights.js';
import { writeShards } from './files/sharded.js';
import type { FileHashes, ShardOptions } from './files/sharded.js';
import { float32Elements } from './files/stored-tensor.js';
import type { StoredTensor, TensorEntry, TensorFile, WritableTensor } from './files/stored-tensor.js';

/*
 * Weights of any structure as safetensors, each by its path in the tree:
 *
 * {"layers.0.bias":{"dtype":"F32","shape":[512],…},"layers.0.weight":{"dtype":"F32","shape":[1000,512],…},…}
 */

const dtypes = { float32: 'F32', int32: 'I32', bool: 'BOOL' } as const;
type DType = keyof typeof dtypes;

/**
 * Writes a tree of tensors into a folder: `model.safetensors`, each tensor by its path in the tree, or shards where they are larger
 * than `maxShardBytes`. Gives the hashes of the files.
 *
 * @throws TrainbookError if a tensor is neither float32 nor int32 nor bool.
 * @example
 * await saveWeights(model.weights, 'my-weights');
 * const weights = await loadWeights(model.weights, 'my-weights');
 */
export async function saveWeights(weights: unknown, folder: string, options: ShardOptions = {}): Promise<FileHashes> {
  const tensors = new Map<string, WritableTensor>();
  for (const [path, tensor] of treeEntries<tf.Tensor>(weights as Tree<tf.Tensor>)) {
    const { shape } = tensor;
    const dtype = dtypes[knownDtype(path, tensor)];
    tensors.set(path, {
      dtype,
      shape,
      read: async () => ({ shape, elements: await tensor.data(), ...(dtype === 'BOOL' && { dtype }) }),
    });
  }
  await mkdir(folder, { recursive: true });
  return writeShards(folder, { tensors, metadata: {} }, options);
}

/**
 * Reads what `saveWeights` wrote, into the structure of `like`: weights of that architecture, which stay as they are.
 *
 * @throws TrainbookError if a tensor is missing, left over, or of another shape or dtype.
 * @example
 * const weights = await loadWeights(architecture.init(key(1)), 'my-weights');
 */
export async function loadWeights<Weights>(like: Weights, folder: string): Promise<Weights> {
  const file = await openWeights(folder);
  try {
    const structure = like as Tree<tf.Tensor>;
    const entries = treeEntries<tf.Tensor>(structure);
    checkNoneLeft(entries, file, folder);
    const leaves: tf.Tensor[] = [];
    for (const [path, expected] of entries) {
      const entry = file.tensors.get(path);
      // Specs of weights have no dtype: they are float32.
      const dtype = expected instanceof tf.Tensor ? knownDtype(path, expected) : 'float32';
      if (entry?.shape.join() !== expected.shape.join() || readAs(entry) !== dtype) {
        throw new TrainbookError({
          what: `loadWeights: ${folder} is not of this model: ${path}`,
          received: entry === undefined ? 'nothing' : `${entry.dtype} [${entry.shape.join(', ')}]`,
          expected: `${dtypes[dtype]} [${expected.shape.join(', ')}]`,
          fix: 'give the architecture that these weights were saved from',
        });
      }
      leaves.push(tensorOf(await entry.read(), dtype));
    }
    return unflatten(structure, leaves) as Weights;
  } finally {
    await file.close();
  }
}

/** What a tensor of a file becomes here. */
function readAs({ dtype }: TensorEntry): DType | undefined {
  const exact = Object.entries(dtypes).find(([, stored]) => stored === dtype);
  return (exact?.[0] as DType | undefined) ?? (/^(BF16|F16|F64)$/.test(dtype) ? 'float32' : undefined);
}

function knownDtype(path: string, { dtype }: tf.Tensor): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new TrainbookError({
    what: `weights: ${path} has a dtype that no weight has`,
    received: dtype,
    expected: Object.keys(dtypes).join(', '),
  });
}

function checkNoneLeft(entries: readonly [path: string, leaf: unknown][], file: TensorFile, folder: string): void {
  const known = new Set(entries.map(([path]) => path));
  const left = [...file.tensors.keys()].filter((path) => !known.has(path));
  if (left.length === 0) return;
  throw new TrainbookError({
    what: `loadWeights: ${folder} has weights that this model has no place for`,
    received: left.slice(0, 10).join(', ') + (left.length > 10 ? ` and ${left.length - 10} more` : ''),
    expected: `the ${known.size} of the model`,
    fix: 'give the architecture that these weights were saved from',
  });
}

/** A tensor of elements that were read; halves become float32. */
export function tensorOf(stored: StoredTensor, dtype: DType): tf.Tensor {
  const elements = dtype === 'float32' ? float32Elements(stored) : (stored.elements as Int32Array | Uint8Array);
  return tf.tensor(elements, [...stored.shape], dtype);
}
