import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson, replaceAtomic } from '../../files.js';
import { numBytes } from './stored-tensor.js';
import type { MetadataValue, TensorEntry, TensorFile, WritableTensor } from './stored-tensor.js';
import { openSafetensors, writeSafetensors } from './safetensors.js';
import type { WritableTensors } from './safetensors.js';

/*
 * Hugging Face's folders of shards. model.safetensors.index.json (pytorch_model.bin.index.json is alike):
 *
 * {"metadata":{"total_size":538090408},
 *  "weight_map":{"lm_head.weight":"model-00002-of-00002.safetensors","model.norm.weight":"model-00001-of-00002.safetensors"}}
 */

const indexSchema = z.object({
  metadata: z.record(z.string(), z.unknown()).optional(),
  weight_map: z.record(z.string(), z.string()),
});

/** A shard lies beside its index: a name with no way out of the folder. */
const plainName = /^[^/\\\0]+$/;

/**
 * Opens all shards that an index names, each by `open`, as one file.
 *
 * @throws TrainbookError if a shard is missing, or the index and the shards do not name the same tensors.
 * @example
 * const weights = await openShards(folder, 'model.safetensors.index.json', openSafetensors);
 */
export async function openShards(
  folder: string,
  indexName: string,
  open: (path: string) => Promise<TensorFile>,
): Promise<TensorFile> {
  const path = join(folder, indexName);
  const index = await readIndex(path);
  const files: TensorFile[] = [];
  const close = async (): Promise<void> => {
    for (const file of files) await file.close();
  };
  try {
    const tensors = new Map<string, TensorEntry>();
    for (const shard of [...new Set(index.places.values())].sort()) {
      const file = await open(join(folder, shard));
      files.push(file);
      for (const [name, entry] of file.tensors) {
        if (index.places.get(name) !== shard) {
          throw refusal(path, `it does not place ${name} in ${shard}`, index.places.get(name) ?? 'not named', shard);
        }
        tensors.set(name, entry);
      }
    }
    const missing = [...index.places].find(([name]) => !tensors.has(name));
    if (missing !== undefined) throw refusal(path, `${missing[1]} lacks ${missing[0]}`, 'no such tensor', missing[0]);
    return { tensors, metadata: index.metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opens safetensors of a name, in one file or in shards, as `writeShards` leaves them.
 *
 * @throws TrainbookError as `openSafetensors` and `openShards`.
 */
export async function openNamed(folder: string, name: string): Promise<TensorFile> {
  const single = `${name}.safetensors`;
  const isThere = await stat(join(folder, single)).then(
    () => true,
    () => false,
  );
  return isThere ? openSafetensors(join(folder, single)) : openShards(folder, `${single}.index.json`, openSafetensors);
}

function refusal(path: string, problem: string, received: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: `${path} does not fit its shards: ${problem}`,
    received,
    expected,
    fix: 'copy or download the folder again',
  });
}

async function readIndex(
  path: string,
): Promise<{ places: ReadonlyMap<string, string>; metadata: ReadonlyMap<string, MetadataValue> }> {
  const index = indexSchema.safeParse(await readJson(path));
  if (!index.success) {
    throw refusal(path, 'it is no index of shards', z.prettifyError(index.error), 'weight_map and metadata');
  }
  const places = new Map(Object.entries(index.data.weight_map));
  for (const shard of places.values()) {
    if (!plainName.test(shard) || shard === '..' || shard === '.') {
      throw refusal(path, 'it names a shard outside of its folder', shard, 'a file beside the index');
    }
  }
  const metadata = new Map<string, MetadataValue>();
  for (const [key, value] of Object.entries(index.data.metadata ?? {})) {
    metadata.set(key, typeof value === 'number' || typeof value === 'boolean' ? value : plainText(value));
  }
  return { places, metadata };
}

const plainText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export interface ShardOptions {
  /** What the tensors of one shard take at most, in bytes; a larger tensor has a shard of its own. 5 GB (5·10⁹) by default. */
  readonly maxShardBytes?: number | undefined;
  /** What the files are called: `model` by default, as in `model-00001-of-00002.safetensors`. */
  readonly name?: string;
}

/** Hashes of files by their name, as `hashFile` gives them. */
export type FileHashes = Readonly<Record<string, string>>;

/**
 * Which tensors go into which shard: in their order, a new shard where the next one does not fit; a tensor larger than a
 * shard has one of its own. The division of Hugging Face's `split_torch_state_dict_into_shards`.
 *
 * @example
 * divideIntoShards(tensors, 5e9); // [['model.embed_tokens.weight', …], ['lm_head.weight']]
 */
export function divideIntoShards(tensors: ReadonlyMap<string, WritableTensor>, maxShardBytes: number): string[][] {
  const shards: string[][] = [];
  let current: string[] = [];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    const size = numBytes(tensor);
    if (size > maxShardBytes) {
      shards.push([name]);
      continue;
    }
    if (bytes + size > maxShardBytes) {
      shards.push(current);
      current = [];
      bytes = 0;
    }
    current.push(name);
    bytes += size;
  }
  if (current.length > 0) shards.push(current);
  return shards;
}

/**
 * Writes weights into a folder that exists: `model.safetensors` where they fit into one shard, or else shards and, last of
 * all, their index. Weights that the folder had are replaced. Each file is whole or not there; a writing that is cut off
 * leaves no index, so that shards of two writings are never read as one. Gives the hashes of what was written.
 *
 * @throws TrainbookError if `maxShardBytes` is not positive.
 * @example
 * await writeShards(folder, { tensors, metadata: { format: 'pt' } }, { maxShardBytes: 2e9 });
 */
export async function writeShards(
  folder: string,
  { tensors, metadata }: WritableTensors,
  { maxShardBytes = 5e9, name = 'model' }: ShardOptions = {},
): Promise<FileHashes> {
  if (!(maxShardBytes > 0)) {
    throw new TrainbookError({
      what: 'writeShards: maxShardBytes must be positive',
      received: maxShardBytes,
      expected: 'a number of bytes > 0',
    });
  }
  const shards = divideIntoShards(tensors, maxShardBytes);
  const single = `${name}.safetensors`;
  const indexName = `${single}.index.json`;
  if (shards.length <= 1) {
    const hash = await writeSafetensors(join(folder, single), { tensors, metadata }); // readers prefer it to an index
    await rm(join(folder, indexName), { force: true });
    await removeShards(folder, name, new Set());
    return { [single]: hash };
  }
  await rm(join(folder, indexName), { force: true });
  const places: [string, string][] = [];
  const hashes: Record<string, string> = {};
  for (const [number, names] of shards.entries()) {
    const shard = `${name}-${fiveDigits(number + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
    const part = new Map(names.map((each) => [each, tensors.get(each) as WritableTensor]));
    hashes[shard] = await writeSafetensors(join(folder, shard), { tensors: part, metadata });
    for (const each of names) places.push([each, shard]);
  }
  const totalSize = [...tensors.values()].reduce((sum, tensor) => sum + numBytes(tensor), 0);
  const index = {
    metadata: { total_size: totalSize },
    weight_map: Object.fromEntries(places.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  hashes[indexName] = await replaceAtomic(join(folder, indexName), [`${JSON.stringify(index, undefined, 2)}\n`]);
  await rm(join(folder, single), { force: true });
  await removeShards(folder, name, new Set(places.map(([, shard]) => shard)));
  return hashes;
}

const fiveDigits = (number: number): string => String(number).padStart(5, '0');

/** Removes the shards of a former writing. */
async function removeShards(folder: string, name: string, kept: ReadonlySet<string>): Promise<void> {
  for (const file of await readdir(folder)) {
    const isShard = file.startsWith(`${name}-`) && /^-\d{5}-of-\d{5}\.safetensors$/.test(file.slice(name.length));
    if (isShard && !kept.has(file)) await rm(join(folder, file));
  }
}
