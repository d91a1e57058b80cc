import { spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../../src/experiment/experiment.js';
import { collectGarbage } from '../../../src/experiment/garbage/collect-garbage.js';
import { storeSizes } from '../../../src/experiment/garbage/store-sizes.js';
import { thisProcess } from '../../../src/experiment/lock.js';
import { runExperiment } from '../../../src/experiment/run.js';
import { dependentsOf, removeRun } from '../../../src/experiment/run-index/remove-runs.js';
import { readStatus } from '../../../src/experiment/run-record.js';
import { makeRun } from '../run-index/fixtures.js';

let runs = '';
let calls: string[] = [];
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'trainbook-gc-'));
  calls = [];
});
afterEach(async () => {
  await rm(runs, { recursive: true, force: true });
});

const small = experiment('small', z.object({ steps: z.int(), rate: z.number() }), { steps: 3, rate: 1 })
  .stage('corpus', ({ config }) => {
    calls.push('corpus');
    return { text: 'x'.repeat(1000), steps: config.steps };
  })
  .stage('base', ({ config, corpus, metrics }) => {
    calls.push('base');
    metrics(1, { loss: 1 });
    return corpus.steps * config.rate;
  });

const options = { numericClass: 'test', code: 'test', codecs: [] };
const run = (
  rate: number,
): ReturnType<typeof runExperiment<typeof small.schema, { corpus: { text: string; steps: number }; base: number }>> =>
  runExperiment(small, { ...options, runsFolder: runs, set: { rate } });
const store = (...parts: string[]): string => join(runs, 'store', ...parts);
const artifacts = async (): Promise<string[]> =>
  (await readdir(store())).filter((name) => /^[0-9a-f]{32}$/u.test(name));
const names = ({ removed }: Awaited<ReturnType<typeof collectGarbage>>): string[] =>
  removed.map(({ kind, stage }) => `${kind} ${stage}`.trim()).sort();

it('keeps what runs name, and removes what only removed runs named, with their traces', async () => {
  await run(1);
  const second = await run(2);
  const name = `small/${second.runId}`;
  expect(names(await collectGarbage(runs))).toEqual([]);
  const dependents = await dependentsOf(runs, [name]);
  expect(dependents.artifacts.map(({ stage }) => stage)).toEqual(['base']); // both have the corpus
  await removeRun(runs, name);
  expect(await readdir(join(runs, 'small'))).toHaveLength(1);

  const before = await collectGarbage(runs, true);
  expect(names(before)).toEqual(['artifact base', 'execution']);
  expect(before.traces).toMatchObject([{ stage: 'base', count: 1 }]);
  expect(await artifacts()).toHaveLength(3); // a dry run removes nothing
  const collected = await collectGarbage(runs);
  expect(names(collected)).toEqual(names(before));
  expect(collected.bytes).toBe(before.bytes);
  expect(collected.bytes).toBeGreaterThan(100);
  expect(await artifacts()).toHaveLength(2);
  expect((await readFile(store('traces', 'base.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(1);
  expect((await collectGarbage(runs)).bytes).toBe(0);

  calls = [];
  await run(1);
  expect(calls).toEqual([]); // still cached
  await run(2);
  expect(calls).toEqual(['base']);
});

it('says what the store takes by stage and experiment', async () => {
  await run(1);
  await run(2);
  const sizes = await storeSizes(runs);
  expect(sizes.stages.map(({ name, count }) => [name, count])).toEqual([
    ['corpus', 1],
    ['base', 2],
  ]);
  expect(sizes.experiments.map(({ name, count }) => [name, count])).toEqual([['small', 3]]);
  expect(sizes.others.map(({ name }) => name)).toEqual(expect.arrayContaining(['traces', 'executions']));
  expect(sizes.bytes).toBeGreaterThan(sizes.stages.reduce((sum, { bytes }) => sum + bytes, 0));
});

it('keeps traces and checkpoints of a run that can go on, and drops those of runs that are gone', async () => {
  const { runId, folder } = await run(1);
  await rm(join(folder, 'lineage.json')); // killed between the trace and the lineage
  await writeFile(join(folder, 'status.json'), JSON.stringify({ ...(await readStatus(folder)), state: 'interrupted' }));
  const checkpoint = async (identity: string, of: string): Promise<void> => {
    await mkdir(store('checkpoints', 'base', identity), { recursive: true });
    await writeFile(store('checkpoints', 'base', identity, 'state.json'), '{}');
    await writeFile(
      store('checkpoints', 'base', `${identity}.json`),
      JSON.stringify({ run: of, createdAt: '', reads: {} }),
    );
  };
  await checkpoint('a'.repeat(32), `small/${runId}`);
  await checkpoint('b'.repeat(32), 'small/gone');
  await mkdir(store('checkpoints', 'base', 'c'.repeat(32))); // without a note
  const collected = await collectGarbage(runs);
  expect(names(collected)).toEqual(['checkpoint base', 'checkpoint base', 'checkpoint base']);
  expect((await readdir(store('checkpoints', 'base'))).sort()).toEqual(['a'.repeat(32), `${'a'.repeat(32)}.json`]);
  calls = [];
  await run(1);
  expect(calls).toEqual([]);
});

it('removes what killed processes left, and keeps what live ones are writing', async () => {
  await run(1);
  const dead = ['999999', hostname(), 'long ago', 'abc'].map(encodeURIComponent).join('~').replaceAll('%', '=');
  await mkdir(store('tmp', dead), { recursive: true });
  await writeFile(store('tmp', dead, 'weights'), 'x'.repeat(5000));
  const alive = [String(thisProcess.pid), thisProcess.host, thisProcess.started, 'abd'].map(encodeURIComponent);
  const living = alive.join('~').replaceAll('%', '=');
  await mkdir(store('tmp', living), { recursive: true });
  await mkdir(store('locks', 'base', 'claims'), { recursive: true });
  const reads = { config: [], artifacts: {}, files: {} };
  const claim = {
    owner: { pid: 999_999, host: hostname(), started: 'long ago' },
    id: 'x',
    code: '',
    numericClass: '',
    reads,
  };
  await writeFile(store('locks', 'base', 'claims', 'x.json'), JSON.stringify(claim));
  const half = store('traces', 'base.jsonl.0123456789ab.tmp');
  await writeFile(half, 'half');
  await utimes(half, new Date(0), new Date(0));
  const collected = await collectGarbage(runs);
  expect(names(collected)).toEqual(['leftover', 'leftover', 'leftover']);
  expect(collected.bytes).toBeGreaterThan(5000);
  expect(await readdir(store('tmp'))).toEqual([living]);
  expect(await readdir(store('locks', 'base', 'claims'))).toEqual([]);
});

it('touches nothing where a lineage cannot be read, and keeps what traces of another version name', async () => {
  const { folder, runId } = await run(1);
  await writeFile(join(folder, 'lineage.json'), '{"format":9}');
  await expect(collectGarbage(runs)).rejects.toThrow(/lineage of a run cannot be read/u);
  const [first = '', second = ''] = await artifacts();
  await removeRun(runs, `small/${runId}`);
  await writeFile(store('traces', 'base.jsonl'), `{"format":2,"output":"${first}"}\n`);
  await collectGarbage(runs);
  expect(await artifacts()).toEqual([first]);
  expect(second).not.toBe('');
  expect(await readFile(store('traces', 'base.jsonl'), 'utf8')).toContain(first);
});

it('never removes a run that is running', async () => {
  await makeRun(runs, { id: 'live', state: 'running', owner: thisProcess });
  await expect(removeRun(runs, 'quickstart/live')).rejects.toThrow(/is running[^]*process \d+/u);
  expect(await readdir(join(runs, 'quickstart'))).toEqual(['live']);
});

describe('while a run goes on in another process', () => {
  const script = fileURLToPath(new URL('../fixtures/slow.ts', import.meta.url));

  it('takes nothing that it needs: it ends as ever, and its stages are found again', async () => {
    const log = join(runs, 'log');
    const start = (rate: number): { child: ReturnType<typeof spawn>; ended: Promise<number | null> } => {
      const child = spawn(process.execPath, ['--import', 'tsx', script, runs, log, '60', '1', String(rate)], {
        stdio: 'ignore',
      });
      return { child, ended: new Promise((done) => child.once('exit', done)) };
    };
    // A run that is removed leaves garbage: old, so that only its being unneeded decides.
    await start(3).ended;
    const [gone = ''] = await readdir(join(runs, 'slow'));
    await removeRun(runs, `slow/${gone}`);
    for (const name of await artifacts()) await utimes(store(name, 'artifact.json'), new Date(0), new Date(0));
    const garbage = await artifacts();
    expect(garbage).toHaveLength(2);

    const { child, ended } = start(1);
    let numCollections = 0;
    let numBusy = 0;
    let isTorn = false;
    const freed: string[] = [];
    let code: number | null | undefined;
    void ended.then((value) => (code = value));
    while (code === undefined) {
      const { removed, busy } = await collectGarbage(runs);
      freed.push(...removed.filter(({ kind }) => kind === 'artifact').map(({ stage }) => stage));
      numCollections++;
      numBusy += busy.length;
      const isBaseRunning = (await readFile(log, 'utf8')).trimEnd().endsWith('base from 0');
      if (isBaseRunning && !isTorn) {
        await appendFile(store('traces', 'base.jsonl'), '{"format":1,"id\n'); // there is something to compact
        isTorn = true;
      }
      await sleep(5);
    }
    expect(child.exitCode).toBe(0);
    expect(numCollections).toBeGreaterThan(3);
    expect(numBusy).toBeGreaterThan(0); // the stage was being run: its traces stayed as they were
    // The corpus was collected before the run looked for it, or found by the run and kept.
    expect(freed).toContain('base');
    const text = await readFile(log, 'utf8');
    expect(text.split('\n').filter((line) => line === 'base done')).toHaveLength(2);
    expect((await collectGarbage(runs)).removed.filter(({ kind }) => kind === 'artifact')).toEqual([]);
    await start(1).ended;
    expect(await readFile(log, 'utf8')).toBe(text); // nothing was run again
    for (const name of await artifacts()) expect((await stat(store(name, 'artifact.json'))).size).toBeGreaterThan(0);
  });
});
