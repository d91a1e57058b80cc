import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/model/files/open-weights.js';
import { openSafetensors, readSafetensors } from '../../../src/model/files/safetensors.js';
import { divideIntoShards, openShards, writeShards } from '../../../src/model/files/sharded.js';
import type { StoredTensor } from '../../../src/model/files/stored-tensor.js';
import { contents, expected, fixture, tensorOf } from './expected.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shards-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function made(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  return path;
}

/** The tensors of the script, in its order. */
async function layers(): Promise<ReadonlyMap<string, StoredTensor>> {
  const file = await openWeights(fixture('sharded'));
  const all = new Map<string, StoredTensor>();
  for (const name of Object.keys(expected.sharded)) all.set(name, await tensorOf(file, name));
  await file.close();
  return all;
}

describe('shards', () => {
  it.each(['sharded', 'sharded-bin'])('of Hugging Face are read as one: %s', async (name) => {
    const file = await openWeights(fixture(name));
    expect([...file.metadata]).toEqual([['total_size', 1334]]);
    expect(await contents(file)).toEqual(expected.sharded);
  });

  it('are divided as huggingface_hub divides them', async () => {
    const tensors = await layers();
    for (const [size, names] of Object.entries(expected.divisions)) {
      expect(divideIntoShards(tensors, Number(size))).toEqual(names);
    }
  });

  it('are written as Hugging Face names them, and read back; what was there before goes', async () => {
    const path = await made('written');
    const tensors = await layers();
    const metadata = { format: 'pt' };
    await writeShards(path, { tensors, metadata });
    expect(await readdir(path)).toEqual(['model.safetensors']);
    expect(await contents(await openWeights(path))).toEqual(expected.sharded);

    await writeShards(path, { tensors, metadata }, { maxShardBytes: 200 });
    expect((await readdir(path)).sort()).toEqual((await readdir(fixture('sharded'))).sort());
    const index = 'model.safetensors.index.json';
    const sorted = (json: string): unknown => JSON.parse(json);
    expect(sorted(await readFile(join(path, index), 'utf8'))).toEqual(
      sorted(await readFile(join(fixture('sharded'), index), 'utf8')),
    );
    for (const shard of (await readdir(path)).filter((name) => name.endsWith('.safetensors'))) {
      expect(await readSafetensors(join(path, shard))).toEqual(await readSafetensors(join(fixture('sharded'), shard)));
    }

    await writeShards(path, { tensors, metadata }, { maxShardBytes: 500 });
    expect((await readdir(path)).filter((name) => name.includes('of-00005'))).toEqual([]);
    expect(await contents(await openWeights(path))).toEqual(expected.sharded);
    await writeShards(path, { tensors: new Map(), metadata });
    expect(await readdir(path)).toEqual(['model.safetensors']);
    await expect(writeShards(path, { tensors, metadata }, { maxShardBytes: 0 })).rejects.toThrow('must be positive');
  });

  it('that do not fit their index are refused', async () => {
    const path = await made('wrong');
    const name = 'model.safetensors.index.json';
    await copyFile(fixture('every.safetensors'), join(path, 'a.safetensors'));
    const opened = async (index: unknown): Promise<unknown> => {
      await writeFile(join(path, name), typeof index === 'string' ? index : JSON.stringify(index));
      return openShards(path, name, openSafetensors);
    };
    const all = Object.fromEntries(Object.keys(expected.every).map((tensor) => [tensor, 'a.safetensors']));
    await expect(opened('{"weight_map":')).rejects.toThrow('is not JSON');
    await expect(opened({ weight_map: { a: 1 } })).rejects.toThrow('no index of shards');
    await expect(opened({ weight_map: { ...all, more: 'a.safetensors' } })).rejects.toThrow('lacks more');
    await expect(opened({ weight_map: { f32: 'a.safetensors' } })).rejects.toThrow('does not place');
    await expect(opened({ weight_map: { ...all, b: 'b.safetensors' } })).rejects.toThrow('cannot read');
    for (const outside of ['../a.safetensors', '/etc/passwd', '..', 'a\\b', '']) {
      await expect(opened({ weight_map: { a: outside } })).rejects.toThrow('outside of its folder');
    }
    await rm(join(path, name));
    await expect(openWeights(path)).rejects.toThrow('has no weights');
    await expect(openWeights(join(path, 'nothing'))).rejects.toThrow('cannot read');
  });
});
