import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mlflowPython, startMlflow } from '../../../experiments/bench/mlflow-program.js';
import { readMemberships } from '../../../src/experiment/ablations/membership.js';
import { Cursor } from '../../../src/experiment/sinks/cursor.js';
import { mlflowServer } from '../../../src/experiment/sinks/mlflow/client.js';
import { mlflowSink } from '../../../src/experiment/sinks/mlflow/sink.js';
import type { MlflowOptions } from '../../../src/experiment/sinks/mlflow/sink.js';
import { sendRun } from '../../../src/experiment/sinks/send-run.js';
import type { SendOptions, Sent } from '../../../src/experiment/sinks/send-run.js';
import { Unreachable } from '../../../src/experiment/sinks/sink.js';
import { faultProxy } from './fault-proxy.js';
import type { Fault, FaultProxy } from './fault-proxy.js';
import { MlflowReader } from './mlflow-reader.js';
import { FakeMlflow } from './mlflow-server.js';
import { makeAblation, makeRun, rowsOf, writeRows } from './run-maker.js';

const python = mlflowPython();
const servers = [
  { name: 'a server that speaks as MLflow does', start: () => FakeMlflow.start() },
  {
    name: `MLflow itself${python === undefined ? ' (not here: TRAINBOOK_MLFLOW_PYTHON names a Python that has it)' : ''}`,
    start: () => startMlflow(python ?? ''),
    isSkipped: python === undefined,
  },
];

let runsFolder = '';
let project = '';
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'trainbook-sinks-'));
  runsFolder = join(project, 'runs');
});
afterEach(() => rm(project, { recursive: true, force: true }));

describe.each(servers)('$name', ({ start, isSkipped = false }) => {
  const test = it.skipIf(isSkipped);
  let server: { readonly uri: string; close(): Promise<void> } | undefined;
  let proxy: FaultProxy;
  let reader: MlflowReader;
  let experiment = '';
  let numExperiments = 0;
  beforeAll(async () => {
    if (isSkipped) return;
    server = await start();
    proxy = await faultProxy(server.uri);
    reader = new MlflowReader(server.uri);
  }, 200_000);
  afterAll(async () => {
    if (isSkipped) return;
    await proxy.close();
    await server?.close();
  });
  beforeEach(() => {
    experiment = `字母 ${++numExperiments}`;
    if (!isSkipped) {
      proxy.fault = () => undefined;
      proxy.requests.length = 0;
    }
  });

  const send = (folder: string, options: MlflowOptions = {}, more: Partial<SendOptions> = {}): Promise<Sent> =>
    sendRun(folder, mlflowSink(mlflowServer(proxy.uri, {}), options), {
      signal: new AbortController().signal,
      ...more,
    });

  test('has all of a run that has ended', async () => {
    const long = 'x'.repeat(7000);
    const config = {
      train: { steps: 3, rate: 0.5, prompts: ['a', 'b'] },
      数据: { long, 'odd:name?': null, empty: {} },
    };
    const folder = await makeRun(runsFolder, { experiment, config, rows: rowsOf(1, 3) });
    const { link } = await send(folder);
    const [run, ...others] = await reader.runs(experiment);
    expect(others).toEqual([]);
    expect(link).toContain(`/runs/${run?.id ?? ''}`);
    expect(run?.info).toMatchObject({ run_name: '2026-11-21-143502-3f9c', status: 'FINISHED' });
    const spec = JSON.parse(await readFile(join(folder, 'spec.json'), 'utf8')) as { createdAt: string };
    expect(run?.info.start_time).toBe(Date.parse(spec.createdAt));
    expect(run?.info.end_time).toBeGreaterThanOrEqual(Date.parse(spec.createdAt));
    expect(run?.params).toMatchObject({
      'train.steps': '3',
      'train.rate': '0.5',
      'train.prompts': '["a","b"]',
      '数据.empty': '{}',
      seed: '7',
    });
    expect(run?.params['数据.long']).toBe(`${'x'.repeat(5999)}…`);
    const odd = Object.entries(run?.params ?? {}).find(([name]) => name.startsWith('数据.odd'));
    expect(odd).toEqual([expect.stringMatching(/^数据\.odd_name_-[0-9a-f]{8}$/u), 'null']);
    expect(run?.tags).toMatchObject({
      'mlflow.source.git.commit': '0123abc',
      'mlflow.source.name': 'experiments/letters.ts',
      'trainbook.run': `${experiment}/2026-11-21-143502-3f9c`,
      'trainbook.code': '77b2',
      'trainbook.numeric-class': 'test float64',
      'trainbook.dirty': 'true',
    });
    expect(await reader.history(run?.id ?? '', 'base/loss')).toEqual([
      [1, 4],
      [2, 2],
      [3, 4 / 3],
    ]);
    expect(run?.datasets).toEqual([
      expect.objectContaining({
        name: `${experiment}/corpus`,
        digest: 'c'.repeat(32),
        source: JSON.stringify({ artifact: `store/${'c'.repeat(32)}`, files: { 'datasets/a.txt': '02ab' } }),
        profile: JSON.stringify({ documents: 12, characters: 3400 }),
      }),
    ]);
    expect(await reader.files(run?.id ?? '')).toEqual([
      'environment.json',
      'lineage.json',
      'report.html',
      'spec.json',
      'stages',
    ]);
    expect(await reader.files(run?.id ?? '', 'stages')).toEqual(['stages/base.json', 'stages/corpus.json']);
  });

  test('is asked for nothing but the version when all was sent', async () => {
    const folder = await makeRun(runsFolder, { experiment, rows: rowsOf(1, 3) });
    await send(folder);
    proxy.requests.length = 0;
    await send(folder);
    expect(proxy.requests).toEqual(['/version']);
  });

  test('follows a run that grows, fails, and goes on', async () => {
    const folder = await makeRun(runsFolder, { experiment, rows: rowsOf(1, 2), state: 'running' });
    await send(folder, {}, { isLive: true });
    const [before] = await reader.runs(experiment);
    expect(before?.info.status).toBe('RUNNING');
    expect(await reader.files(before?.id ?? '')).toEqual([]);
    await makeRun(runsFolder, { experiment, rows: rowsOf(3, 3), state: 'failed' });
    await send(folder);
    const [failed] = await reader.runs(experiment);
    expect(failed?.info.status).toBe('FAILED');
    expect(failed?.tags['trainbook.error']).toBe('stage base: no such thing');
    await makeRun(runsFolder, { experiment, rows: rowsOf(4, 5), state: 'done' });
    await send(folder);
    const [done, ...others] = await reader.runs(experiment);
    expect(others).toEqual([]);
    expect(done?.info.status).toBe('FINISHED');
    const history = await reader.history(done?.id ?? '', 'base/loss');
    expect(history.map(([step]) => step)).toEqual([1, 2, 3, 4, 5]);
  });

  test('gets steps that were done twice once where they are equal, and NaN as a number', async () => {
    const nan = { attempt: 1, stage: 'base', step: 9, time: 1_795_000_000_009, values: { loss: Number.NaN } };
    const folder = await makeRun(runsFolder, { experiment, rows: [...rowsOf(1, 4), nan] });
    await send(folder);
    writeRows(folder, rowsOf(3, 6, 2));
    await send(folder);
    const [run] = await reader.runs(experiment);
    const id = run?.id ?? '';
    const losses = (await reader.history(id, 'base/loss')).sort(([a], [b]) => a - b);
    expect(losses.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 9]);
    expect(losses[6]?.[1]).toBeNaN();
    // The rate of a repeated step is another: the later one comes after.
    expect(await reader.history(id, 'base/tokensPerSecond')).toEqual([
      [1, 1001],
      [2, 1002],
      [3, 1003],
      [4, 1004],
      [3, 2003],
      [4, 2004],
      [5, 2005],
      [6, 2006],
    ]);
  });

  test('is sent a run of another folder with the same id apart, and a run whose cursor was lost once', async () => {
    const folder = await makeRun(runsFolder, { experiment, rows: rowsOf(1, 5) });
    await send(folder);
    await rm(join(folder, 'sinks'), { recursive: true });
    writeRows(folder, rowsOf(6, 7));
    await send(folder);
    const [run, ...others] = await reader.runs(experiment);
    expect(others).toEqual([]);
    expect((await reader.history(run?.id ?? '', 'base/loss')).map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await send(await makeRun(join(project, 'elsewhere'), { experiment, rows: rowsOf(1, 2) }));
    expect(await reader.runs(experiment)).toHaveLength(2);
  });

  test('nests the runs of an ablation', async () => {
    const folder = await makeRun(runsFolder, { experiment, rows: rowsOf(1, 2) });
    const path = `${experiment}/2026-11-21-143502-3f9c`;
    await makeAblation(runsFolder, path, { state: 'running' });
    const membership = async (): Promise<Partial<SendOptions>> => ({
      membership: (await readMemberships(runsFolder)).get(path),
    });
    await send(folder, {}, await membership());
    const [child, parent] = await reader.runs(experiment);
    expect(parent?.info).toMatchObject({ run_name: 'norms 2026-11-29-153002-a41c', status: 'RUNNING' });
    expect(parent?.params).toMatchObject({ measure: 'bits per byte', 'axis model.norm': '["rms","layer"]' });
    expect(child?.tags).toMatchObject({
      'mlflow.parentRunId': parent?.id,
      'trainbook.arm': 'norm=layer',
      'mlflow.runName': 'norm=layer, seed 7',
    });
    await makeAblation(runsFolder, path);
    await send(folder, {}, await membership());
    const [, over, ...others] = await reader.runs(experiment);
    expect(others).toEqual([]);
    expect(over?.info.status).toBe('FINISHED');
    const mean = await reader.history(over?.id ?? '', Object.keys(await meanKeys(over?.id ?? ''))[0] ?? '');
    expect(mean).toEqual([[0, 2.5]]);
  });
  const meanKeys = async (id: string): Promise<Record<string, number>> => {
    const response = await fetch(`${reader.uri}/api/2.0/mlflow/runs/get?run_id=${id}`);
    const { run } = (await response.json()) as { run: { data: { metrics: { key: string; value: number }[] } } };
    return Object.fromEntries(run.data.metrics.map(({ key, value }) => [key, value]));
  };

  test('registers the model of a run once, with its lineage', async () => {
    const folder = await makeRun(runsFolder, { experiment, rows: rowsOf(1, 2) });
    const register = { name: `model of ${experiment}` };
    const { model } = await send(folder, { register });
    expect(model).toBe(`${register.name} version 1`);
    await send(folder, { register });
    const [run] = await reader.runs(experiment);
    const versions = await reader.versions(register.name, run?.id ?? '');
    expect(versions).toHaveLength(1);
    const tags = Object.fromEntries(
      (versions[0]?.['tags'] as { key: string; value: string }[]).map(({ key, value }) => [key, value]),
    );
    expect(tags).toMatchObject({
      'trainbook.run': `${experiment}/2026-11-21-143502-3f9c`,
      'trainbook.artifact': 'b'.repeat(32),
      'trainbook.parents': 'c'.repeat(32),
    });
    expect(await reader.files(run?.id ?? '', 'models/base')).toEqual([
      'models/base/artifact.json',
      'models/base/model.safetensors',
    ]);
  });

  // Each request in turn meets each fault; what follows finds all as if nothing had happened.
  test.each<Exclude<Fault, undefined>>(['cut after', 'cut before', '500', 'hang'])(
    'has everything exactly once whichever request is met by: %s',
    { timeout: 300_000 },
    async (fault) => {
      const rows = [...rowsOf(1, 620), ...rowsOf(600, 700, 2)]; // two batches
      const first = await makeRun(runsFolder, { experiment, rows, runId: 'whole' });
      await send(first);
      const [whole] = await reader.runs(experiment);
      const expected = await reader.history(whole?.id ?? '', 'base/loss');
      expect(expected).toHaveLength(700);
      const isFake = server instanceof FakeMlflow;
      const patience = fault === 'hang' ? (isFake ? 300 : 8000) : 30_000;
      // A real server is slow, and so is waiting: every third request stands for all.
      const stride = isFake && fault !== 'hang' ? 1 : isFake ? 3 : 5;
      let numFaults = 0;
      for (let faulty = 1; ; faulty += stride) {
        const runId = `faulty-${faulty}`;
        const folder = await makeRun(runsFolder, { experiment, rows, runId });
        proxy.requests.length = 0;
        proxy.fault = (number) => (number === faulty ? fault : undefined);
        const failure: unknown = await send(folder, { patience }).catch((error: unknown) => error);
        proxy.fault = () => undefined;
        if (proxy.requests.length < faulty) break; // there is no such request
        expect(failure).toBeInstanceOf(Unreachable);
        numFaults += 1;
        await send(folder);
        const [run, ...others] = (await reader.runs(experiment)).filter(({ info }) => info.run_name === runId);
        expect(others).toEqual([]);
        expect(run?.info.status).toBe('FINISHED');
        expect(await reader.history(run?.id ?? '', 'base/loss')).toEqual(expected);
        expect(await reader.history(run?.id ?? '', 'base/tokensPerSecond')).toHaveLength(700);
        expect(run?.params).toEqual(whole?.params);
        expect(run?.datasets).toEqual(whole?.datasets);
      }
      expect(numFaults).toBeGreaterThanOrEqual(Math.floor(14 / stride));
    },
  );
});

describe('a server that refuses', () => {
  const send = async (uri: string, environment: Readonly<Record<string, string>> = {}): Promise<Sent> => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3) });
    const sink = mlflowSink(mlflowServer(uri, environment));
    return sendRun(folder, sink, { signal: new AbortController().signal });
  };

  it('for want of a password says which variables to set; with it all goes, and it is written nowhere', async () => {
    const server = await FakeMlflow.start();
    try {
      server.authorization = `Basic ${Buffer.from('me:se/cret').toString('base64')}`;
      await expect(send(server.uri)).rejects.toThrow(/does not let us in[\s\S]*MLFLOW_TRACKING_USERNAME/u);
      const named = { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'se/cret' };
      await send(server.uri, named);
      await send(server.uri.replace('//', '//me:se%2Fcret@'));
      const folder = join(runsFolder, 'letters', '2026-11-21-143502-3f9c');
      const cursor = await readFile(Cursor.pathOf(folder, 'mlflow', server.uri), 'utf8');
      expect(cursor).not.toMatch(/se\/cret|se%2F|Basic|me:/u);
      expect(server.runs.size).toBe(1);
      server.authorization = 'Bearer token-1';
      await send(server.uri, { MLFLOW_TRACKING_TOKEN: 'token-1' });
    } finally {
      await server.close();
    }
  });

  it('is too old, is no MLflow, or has no address is said so', async () => {
    const server = await FakeMlflow.start();
    try {
      server.version = '1.30.0';
      await expect(send(server.uri)).rejects.toThrow(/the server is too old\n {2}received: .*1\.30\.0/u);
      await expect(send(`${server.uri}/other`)).rejects.toThrow(/there is no MLflow server at this address/u);
    } finally {
      await server.close();
    }
    await expect(send('sqlite:///mlflow.db')).rejects.toThrow(/not the address of a tracking server/u);
    await expect(send('http://me:secret@ho st')).rejects.toThrow(/^(?![\s\S]*secret)/u);
    await expect(send(server.uri)).rejects.toThrow(/cannot be reached: ECONNREFUSED/u);
  });

  it('deleted the run says so', async () => {
    const server = await FakeMlflow.start();
    try {
      await send(server.uri);
      for (const { info } of server.runs.values()) info['lifecycle_stage'] = 'deleted';
      writeRows(join(runsFolder, 'letters', '2026-11-21-143502-3f9c'), rowsOf(4, 5));
      await expect(send(server.uri)).rejects.toThrow(/INVALID_STATE.*is deleted/u);
    } finally {
      await server.close();
    }
  });
});

it('reads back histories page by page', async () => {
  const server = await FakeMlflow.start();
  try {
    server.pageSize = 7;
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 100) });
    const go = (): Promise<Sent> =>
      sendRun(folder, mlflowSink(mlflowServer(server.uri, {})), { signal: new AbortController().signal });
    await go();
    await rm(join(folder, 'sinks'), { recursive: true });
    await go();
    expect([...server.runs.values()].map(({ metrics }) => metrics.length)).toEqual([200]);
  } finally {
    await server.close();
  }
});
