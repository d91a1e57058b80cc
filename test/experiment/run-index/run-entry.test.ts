import { appendFile, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMetrics } from '../../../src/experiment/metrics.js';
import { digestRows } from '../../../src/experiment/run-index/metric-digest.js';
import { cachePathOf, listRuns } from '../../../src/experiment/run-index/run-entry.js';
import type { RunEntry } from '../../../src/experiment/run-index/run-entry.js';
import { lines, makeRun, row } from './fixtures.js';

let runs = '';
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'trainbook-runs-'));
});
afterEach(async () => {
  await rm(runs, { recursive: true, force: true });
});

async function only(): Promise<RunEntry> {
  const [entry] = (await listRuns(runs)).runs;
  if (entry === undefined) throw new Error('no run');
  return entry;
}

it('lists runs newest first, with state, time, config, metrics and facts', async () => {
  await makeRun(runs, {
    id: 'a1',
    seed: 7,
    config: { train: { steps: 3 } },
    rows: [row('base', 1, { loss: 4 }), row('base', 2, { loss: 3 })],
    facts: { score: { 'bits per byte': 1.5 } },
  });
  await makeRun(runs, { experiment: '语料', id: 'b2', state: 'running', createdAt: '2026-11-22T06:31:12.000Z' });
  const { runs: found, unreadable } = await listRuns(runs);
  expect(unreadable).toEqual([]);
  expect(found.map(({ name }) => name)).toEqual(['语料/b2', 'quickstart/a1']);
  expect(found[1]).toMatchObject({
    ...{ state: 'done', seed: 7, seconds: 60, config: { train: { steps: 3 } }, file: 'experiments/quickstart.ts' },
    done: [{ stage: 'score', seconds: 2, cached: false, facts: { 'bits per byte': 1.5 } }],
    metrics: [
      { stage: 'base', metrics: [{ name: 'loss', last: { step: 2, value: 3 }, min: { step: 2 }, max: { step: 1 } }] },
    ],
  });
  expect((await listRuns(runs, '语料')).runs).toHaveLength(1);
});

it('takes a running run whose process is dead for interrupted, and says what cannot be read', async () => {
  const owner = { pid: 2 ** 22 + 1, host: (await import('node:os')).hostname(), started: 'long ago' };
  await makeRun(runs, { id: 'dead', state: 'running', owner });
  const broken = await makeRun(runs, { id: 'broken' });
  await writeFile(join(broken, 'spec.json'), '{"format":2}');
  const { runs: found, unreadable } = await listRuns(runs);
  expect(found.map(({ id, state }) => [id, state])).toEqual([['dead', 'interrupted']]);
  expect(unreadable).toMatchObject([{ folder: broken }]);
  expect(unreadable[0]?.reason).toContain('format');
});

describe('the cache', () => {
  const rows = Array.from({ length: 50 }, (_, step) => row('base', step, { loss: 5 - step / 100 }));
  const cache = (): string => cachePathOf(runs, 'quickstart', 'a');

  async function same(): Promise<void> {
    const { folder, metrics } = await only();
    expect(metrics).toEqual(digestRows(await readMetrics(folder)));
  }

  it('follows a file that grows, restarts, shrinks and changes', async () => {
    const folder = await makeRun(runs, { id: 'a', rows });
    const path = join(folder, 'metrics.jsonl');
    await same();
    await appendFile(path, lines([row('base', 50, { loss: 1 }), row('base', 50, { accuracy: 0.5 })]));
    await same();
    await appendFile(path, lines([row('base', 48, { loss: 2 }, 2)])); // an attempt that goes on from a checkpoint
    await same();
    await appendFile(path, '{"attempt":2,"stage":"base","step":49,"ti'); // being written
    await same();
    await truncate(path, lines(rows.slice(0, 20)).length);
    await same();
    await writeFile(path, lines(rows.slice(0, 20).map((each) => ({ ...each, values: { loss: 9 } })))); // same length
    await same();
    await writeFile(
      path,
      lines([...rows.map((each) => ({ ...each, values: { loss: 7 } })), row('base', 99, { loss: 1 })]),
    );
    await same();
  });

  it('is read, not the file, where nothing has changed; a damaged one is made anew', async () => {
    const folder = await makeRun(runs, { id: 'a', rows });
    await same();
    const kept = await readFile(cache(), 'utf8');
    await writeFile(cache(), kept.replace('"value":4.51', '"value":4.52'));
    const metrics = (await only()).metrics[0]?.metrics[0];
    expect(metrics?.last.value).toBe(4.52); // the file was not read
    await utimes(join(folder, 'metrics.jsonl'), new Date(), new Date());
    await same(); // touched: in doubt it is
    for (const damage of ['', '{', '{"format":1}', kept.replace('"format":1', '"format":2')]) {
      await writeFile(cache(), damage);
      await same();
    }
  });

  it('is used by several readers while the run goes on', async () => {
    const folder = await makeRun(runs, { id: 'a', rows: rows.slice(0, 1) });
    for (const each of rows.slice(1)) {
      await appendFile(join(folder, 'metrics.jsonl'), lines([each]));
      const found = await Promise.all([only(), only(), only()]);
      for (const { metrics } of found) expect(metrics).toEqual(digestRows(rows.slice(0, each.step + 1)));
    }
    expect(await readdir(join(runs, 'store', 'cache', 'runs', 'quickstart'))).toEqual(['a.json']); // no half ones
  });
});
