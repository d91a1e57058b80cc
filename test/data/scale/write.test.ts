import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deduplicate } from '../../../src/data/deduplicate/deduplicate.js';
import type { Document } from '../../../src/data/document.js';
import { localStep } from '../../../src/data/local-step.js';
import type { Pipeline } from '../../../src/data/pipeline.js';
import { load } from '../../../src/data/read/load.js';
import { openShards } from '../../../src/data/scale/open-shards.js';
import type { WriteOptions } from '../../../src/data/scale/write-options.js';
import type { Step } from '../../../src/data/step.js';
import { folderHash, shuffledBy, writeCorpus } from './corpus.js';
import { longest, shout } from './steps.js';

let root: string;
let files: readonly string[];
let numFolders = 0;
const fresh = (): string => join(root, `out-${numFolders++}`);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'trainbook-shards-'));
  files = await writeCorpus(join(root, 'corpus'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const steps = (): readonly Step[] => [shout(7), deduplicate({ threshold: 0.8 }), shout(5), longest(0.2)];
const pipeline = (order: readonly string[] = files): Pipeline => load(order).through(...steps());
const small: WriteOptions = { shards: 4, workers: 1 };

async function linesOf(folder: string): Promise<readonly Document[]> {
  const parts = (await readdir(folder)).filter((name) => name.startsWith('part-')).sort();
  const texts = await Promise.all(parts.map(async (name) => gunzipSync(await readFile(join(folder, name))).toString()));
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Document);
}

test('over shards a pipeline keeps, changes and drops what it does in memory', async () => {
  const inMemory = await pipeline();
  const folder = fresh();
  const { ledger, card } = await pipeline().write(folder, small);
  const written = await linesOf(folder);
  const byId = (a: Document, b: Document): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  expect([...written].sort(byId)).toEqual([...inMemory.documents].sort(byId));
  expect(written.map(({ id }) => id)).toEqual(written.map(({ id }) => id).sort());
  expect(ledger.counts()).toEqual(inMemory.ledger.counts());
  expect(ledger.sources).toEqual(inMemory.ledger.sources);
  expect(card.rows).toBe(inMemory.documents.length);
  const dropped = await linesOf(join(folder, 'dropped'));
  expect(dropped.map(({ id }) => id).sort()).toEqual((inMemory.dropped ?? []).map(({ id }) => id).sort());
  const fates = [];
  for await (const fate of ledger.fates()) fates.push(JSON.stringify(fate));
  expect(fates.sort()).toEqual(inMemory.ledger.fates.map((fate) => JSON.stringify(fate)).sort());
  expect((await readdir(folder)).sort()).not.toContain('.work');
});

test('a folder of shards is loaded as the corpus that it is, and may be gone through again', async () => {
  const inMemory = await pipeline();
  const folder = fresh();
  await pipeline().write(folder, small);
  const loaded = await load(folder);
  expect(new Set(loaded.documents)).toEqual(new Set(inMemory.documents));
  expect(loaded.documents.map(({ id }) => id)).toEqual(loaded.ledger.kept.map(({ id }) => id));
  expect(loaded.ledger.counts()).toEqual(inMemory.ledger.counts());
  expect(new Set(loaded.dropped)).toEqual(new Set(inMemory.dropped));
  const [id = ''] = inMemory.documents.map((document) => document.id);
  expect(loaded.ledger.why(id)).toBe(inMemory.ledger.why(id));
  const { ledger } = await load(folder).through(shout(3)).write(fresh(), small);
  expect(ledger.counts()[0]?.documentsOut).toBe(loaded.documents.length);
  const { step, ...last } = (await load(folder).through(shout(3))).ledger.counts().at(-1) ?? {};
  expect(step).toBe('shout 3');
  expect(ledger.counts()[1]).toMatchObject(last);
  const [part = ''] = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  const bytes = await readFile(join(folder, part));
  await writeFile(join(folder, part), bytes.fill((bytes[50] ?? 0) ^ 0xff, 50, 51));
  await expect(load(folder)).rejects.toThrow(/a shard is not the one that was written/u);
  await truncate(join(folder, part), 60);
  await expect(openShards(folder)).rejects.toThrow(/60 bytes/u);
});

test('orders of the files give the same bytes', async () => {
  const hashes = new Set<string>();
  for (let seed = 0; seed < 6; seed++) {
    const folder = fresh();
    const order = shuffledBy(seed, files.length).map((index) => files[index] ?? '');
    await pipeline(order).write(folder, small);
    hashes.add(await folderHash(folder));
    await rm(folder, { recursive: true });
  }
  expect(hashes.size).toBe(1);
});

test('one, two and three workers give the same bytes', async () => {
  const hashes = new Set<string>();
  for (const workers of [1, 2, 3]) {
    const folder = fresh();
    await pipeline([...files].reverse()).write(folder, { ...small, workers });
    hashes.add(await folderHash(folder));
  }
  expect(hashes.size).toBe(1);
});

test('processes that share a folder give the same bytes: by shares, or as each finds something to do', async () => {
  const [alone, shared, free] = [fresh(), fresh(), fresh()];
  await pipeline().write(alone, small);
  await Promise.all([0, 1, 2].map((index) => pipeline().write(shared, { ...small, share: { index, of: 3 } })));
  await Promise.all([0, 1].map(() => pipeline().write(free, small)));
  const hash = await folderHash(alone);
  expect(await folderHash(shared)).toBe(hash);
  expect(await folderHash(free)).toBe(hash);
});

test('stage by stage, each share for itself, then merged', async () => {
  const [alone, staged] = [fresh(), fresh()];
  await pipeline().write(alone, small);
  const stages = ['read', 'judge-0', 'find-1', 'decide-1', 'judge-1', 'find-2', 'decide-2', 'judge-2'];
  for (const stage of stages) {
    for (const index of [1, 0]) {
      const part = pipeline().write(staged, { ...small, stage, share: { index, of: 2 } });
      await expect(part).rejects.toThrow(/this part is done, the corpus is not yet/u);
    }
  }
  await pipeline().write(staged, { ...small, stage: 'finish' });
  expect(await folderHash(staged)).toBe(await folderHash(alone));
});

test('a stage before its time, and one that there is not, are refused', async () => {
  const folder = fresh();
  await expect(pipeline().write(folder, { ...small, stage: 'judge-0' })).rejects.toThrow(/stage read is not done/u);
  await expect(pipeline().write(folder, { ...small, stage: 'tell' })).rejects.toThrow(/one of read, judge-0, find-1/u);
});

/** Stops a pipeline when a stage begins. */
async function stopAt(folder: string, stage: string): Promise<void> {
  const controller = new AbortController();
  const progress: WriteOptions['progress'] = ({ task }) => {
    if (task.startsWith(stage)) controller.abort(new Error('stopped'));
  };
  await expect(pipeline().write(folder, { ...small, progress, signal: controller.signal })).rejects.toThrow('stopped');
}

test('interrupted, it continues: what is done is not done again', async () => {
  const [alone, folder] = [fresh(), fresh()];
  await pipeline().write(alone, small);
  await stopAt(folder, 'find-1');
  const before = (await stat(join(folder, '.work/judge-0/00002.documents'))).mtimeMs;
  await stopAt(folder, 'decide-2');
  expect((await stat(join(folder, '.work/judge-0/00002.documents'))).mtimeMs).toBe(before);
  await pipeline().write(folder, small);
  expect(await folderHash(folder)).toBe(await folderHash(alone));
});

test('a marker, a file or its end that is cut off is made again; a changed byte is noticed', async () => {
  const [alone, folder] = [fresh(), fresh()];
  await pipeline().write(alone, small);
  await stopAt(folder, 'find-1');
  await truncate(join(folder, '.work/judge-0/00001.done'), 20);
  await truncate(join(folder, '.work/judge-0/00002.documents'), 100);
  await rm(join(folder, '.work/judge-0/00003.told'));
  const path = join(folder, '.work/judge-0/00000.documents');
  const bytes = await readFile(path);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(pipeline().write(folder, small)).rejects.toThrow(/a file between two stages is damaged.*run again/su);
  await pipeline().write(folder, small);
  expect(await folderHash(folder)).toBe(await folderHash(alone));
});

test('an input that is changed after it was read is noticed; one that is only touched is not', async () => {
  const folder = fresh();
  await stopAt(folder, 'judge-0');
  const path = files[2] ?? '';
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('word', 'WORD'));
  try {
    await expect(pipeline().write(folder, small)).rejects.toThrow(/changed or removed since .*c\.jsonl/su);
    await writeFile(path, `${text}{"text":"one more"}\n`);
    await expect(pipeline().write(folder, small)).rejects.toThrow(/work of another pipeline.*c\.jsonl has \d+ bytes/su);
  } finally {
    await writeFile(path, text);
  }
  await pipeline().write(folder, small);
});

test('another pipeline in the folder is refused, and replaced only when that is asked for', async () => {
  const folder = fresh();
  await stopAt(folder, 'judge-0');
  const other = load(files).through(shout(3));
  await expect(other.write(folder, small)).rejects.toThrow(/step 1, shout, has other options/u);
  await expect(pipeline(files.slice(1)).write(folder, small)).rejects.toThrow(/a\.jsonl is no longer among the files/u);
  const { card } = await other.write(folder, { ...small, again: true });
  expect(card.pipeline).toMatchObject([{ name: 'shout', made: 'shout', options: [3] }]);
  await expect(pipeline().write(folder, small)).rejects.toThrow(/holds the work of another pipeline/u);
  const strange = join(root, 'corpus');
  await expect(pipeline().write(strange, { ...small, again: true })).rejects.toThrow(/holds other files/u);
});

test('finished, it is not run again', async () => {
  const folder = fresh();
  const first = await pipeline().write(folder, small);
  const again = await pipeline().write(folder, { ...small, progress: ({ task }) => expect.fail(task) });
  expect(again.hash).toBe(first.hash);
});

test('a function of the user runs here, and says so; a step of all documents gets them all', async () => {
  const folder = fresh();
  let numSeen = 0;
  const mine = localStep('mine', (keep) => {
    numSeen++;
    return keep.text.includes('end') ? { drop: 'has an end' } : { keep };
  });
  const half: Step = {
    name: 'half',
    judge: (all) => all.map((keep, at) => (at < all.length / 2 ? { keep } : { drop: 'late' })),
  };
  const notes: string[] = [];
  const { ledger, card } = await load(files)
    .through(mine, half)
    .write(folder, {
      ...small,
      workers: 2,
      progress: ({ note }) => notes.push(note ?? ''),
    });
  expect(numSeen).toBe(240 - 9);
  expect(notes.some((note) => /mine is a function of this thread/u.test(note))).toBe(true);
  const { documentsIn = 0, documentsOut } = ledger.counts()[2] ?? {};
  expect(documentsOut).toBe(Math.ceil(documentsIn / 2));
  expect(card.rows).toBe(documentsOut);
});

test('what goes wrong in a thread arrives as it was said', async () => {
  const bad = join(root, 'bad.jsonl');
  await writeFile(bad, '{"text":"good"}\n{"text":"bad\n');
  await expect(load([...files, bad]).write(fresh(), { ...small, workers: 2 })).rejects.toMatchObject({
    name: 'TrainbookError',
    message: expect.stringMatching(/bad\.jsonl:2 is not JSON/u) as string,
  });
});

test('documents without text alone are refused, and shares that are none', async () => {
  const empty = join(root, 'empty.jsonl');
  await writeFile(empty, '{"text":""}\n');
  await expect(load(empty).write(fresh(), small)).rejects.toThrow(/no documents with text/u);
  await expect(load(empty).write(fresh(), { share: { index: 2, of: 2 } })).rejects.toThrow(/no such share/u);
  await expect(load(empty).write(fresh(), { shards: 0 })).rejects.toThrow(/no such number of shards/u);
});
