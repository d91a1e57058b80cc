import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../src/cli.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

let folder: string;
const file = join(import.meta.dirname, 'fixtures', 'pipeline.ts');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-data-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What a command prints, as JSON; it must succeed. */
async function json(...words: readonly string[]): Promise<unknown> {
  printed.stdout = '';
  expect(await main(['data', ...words, '--json']), printed.stderr).toBe(0);
  return JSON.parse(printed.stdout);
}

test('a pipeline of a file, whose function runs in other threads, and what its ledger says', async () => {
  const out = join(folder, 'out');
  expect(await main(['data', 'run', file, '--out', out, '--workers', '2', '--shards', '3']), printed.stderr).toBe(0);
  expect(printed.stdout).toMatch(/^short +223 .*\n {4}dropped: 132 under 12,000 characters$/mu);
  expect(printed.stdout).toMatch(/documents, [\d.]+ MB of text in 3 shards/u);
  expect(printed.stderr).toMatch(/judge-1: deduplicate: 3 of 3/u);
  const card = (await json('run', file, '--out', out, '--shards', '3')) as { readonly rows: number };
  const counts = (await json('counts', out)) as { readonly steps: readonly { readonly documentsOut: number }[] };
  expect(counts.steps.at(-1)?.documentsOut).toBe(card.rows);
  const query = "SELECT id, score FROM documents WHERE rule LIKE 'under%' ORDER BY score LIMIT 1";
  const [first] = (await json('sql', query, out)) as [{ readonly id: string; readonly score: number }];
  expect(await main(['data', 'why', first.id.slice(0, 12), out])).toBe(0);
  expect(printed.stdout).toContain(`short: dropped, under 12,000 characters ${first.score.toFixed(3)}`);
  const written = join(folder, 'tables');
  await json('ledger', out, '--out', written, '--format', 'csv');
  expect((await readFile(join(written, 'documents.csv'), 'utf8')).split('\n')[0]).toMatch(/^shard,number,id,source/u);
  expect(await json('ledger', out, '--out', written)).toMatchObject({
    files: [{ rows: 223 }, { rows: 223 - card.rows }],
  });
});

test('shares of a cluster, stage by stage, then merged', async () => {
  const out = join(folder, 'shares');
  for (const stage of ['read', 'judge-0', 'find-1', 'decide-1', 'judge-1']) {
    for (const shard of ['0/2', '1/2']) {
      const words = ['run', file, '--out', out, '--shards', '2', '--workers', '1', '--stage', stage, '--shard', shard];
      expect(await json(...words)).toEqual({ folder: out, done: false });
    }
  }
  expect(await json('merge', file, '--out', out, '--shards', '2')).toMatchObject({ done: true, shards: 2 });
});

test('wrong usage is 2, and what cannot be done 1', async () => {
  expect(await main(['data', 'run', file])).toBe(2);
  expect(await main(['data', 'run', file, '--out', folder, '--shard', '2/2'])).toBe(2);
  expect(printed.stderr).toMatch(/--shard needs i\/n with i from 0/u);
  expect(await main(['data', 'run', join(folder, 'none.ts'), '--out', folder])).toBe(1);
  expect(printed.stderr).toMatch(/no such file.*none\.ts/su);
  await writeFile(join(folder, 'number.mjs'), 'export default 7;\n');
  expect(await main(['data', 'run', join(folder, 'number.mjs'), '--out', folder])).toBe(1);
  expect(printed.stderr).toMatch(/exports no pipeline.*of type number/su);
  expect(await main(['data', 'why', 'ab', '--runs', folder])).toBe(1);
  expect(printed.stderr).toMatch(/there is no corpus/u);
});
