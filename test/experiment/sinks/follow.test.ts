import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsWriter } from '../../../src/experiment/metrics.js';
import { sendBeside } from '../../../src/experiment/sinks/beside.js';
import { follow } from '../../../src/experiment/sinks/follow.js';
import type { Following } from '../../../src/experiment/sinks/follow.js';
import { mlflowServer } from '../../../src/experiment/sinks/mlflow/client.js';
import { mlflowSink } from '../../../src/experiment/sinks/mlflow/sink.js';
import { packageRoot } from '../../../src/setup/project.js';
import { faultProxy } from './fault-proxy.js';
import type { Fault, FaultProxy } from './fault-proxy.js';
import { FakeMlflow } from './mlflow-server.js';
import { makeRun, rowsOf, writeRows } from './run-maker.js';

let runsFolder = '';
let server: FakeMlflow;
let proxy: FaultProxy;
beforeEach(async () => {
  runsFolder = join(await mkdtemp(join(tmpdir(), 'trainbook-follow-')), 'runs');
  server = await FakeMlflow.start();
  proxy = await faultProxy(server.uri);
});
afterEach(async () => {
  await proxy.close();
  await server.close();
  await rm(join(runsFolder, '..'), { recursive: true, force: true });
});

const losses = (): number[] =>
  [...server.runs.values()].flatMap(({ metrics }) =>
    metrics.flatMap(({ key, step }) => (key === 'base/loss' ? [step] : [])),
  );
const steps = (to: number): number[] => Array.from({ length: to }, (_, index) => index + 1);

async function until(condition: () => boolean): Promise<void> {
  for (const began = performance.now(); !condition();) {
    if (performance.now() - began > 40_000) throw new Error('waited in vain');
    await sleep(20);
  }
}

describe('follow', () => {
  const start = (folder: string, ended: Promise<unknown>, states: Following[], grace?: number): Promise<Following> =>
    follow(folder, mlflowSink(mlflowServer(proxy.uri, {}), { patience: 200 }), {
      ended,
      onState: (state) => states.push(state),
      interval: 20,
      longest: 60,
      ...(grace === undefined ? {} : { grace }),
    });

  it('sends what a run writes while it goes on, and the rest at its end', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 2), state: 'running' });
    let end = (): void => undefined;
    const ended = new Promise<void>((done) => (end = done));
    const states: Following[] = [];
    const following = start(folder, ended, states);
    await until(() => losses().length === 2);
    writeRows(folder, rowsOf(3, 4));
    await until(() => losses().length === 4);
    expect([...server.runs.values()][0]?.info['status']).toBe('RUNNING');
    await makeRun(runsFolder, { rows: rowsOf(5, 5), state: 'done' });
    end();
    expect(await following).toMatchObject({ state: 'sent', isOver: true });
    expect(losses()).toEqual(steps(5));
    expect([...server.runs.values()][0]?.info['status']).toBe('FINISHED');
  });

  it.each<Exclude<Fault, undefined>>(['hang', '500', 'cut before', 'cut after'])(
    'tries again while the server is in trouble: %s; then all is there once',
    async (fault) => {
      const folder = await makeRun(runsFolder, { rows: rowsOf(1, 30), state: 'running' });
      proxy.fault = (number) => (number % 5 === 2 ? fault : undefined);
      let end = (): void => undefined;
      const ended = new Promise<void>((done) => (end = done));
      const states: Following[] = [];
      const following = start(folder, ended, states);
      for (let step = 31; step <= 60; step += 10) {
        await sleep(60);
        writeRows(folder, rowsOf(step, step + 9));
      }
      await makeRun(runsFolder, { state: 'done' });
      end();
      expect(await following).toMatchObject({ state: 'sent', isOver: true });
      expect(states.some(({ state }) => state === 'waiting')).toBe(true);
      expect(losses().sort((a, b) => a - b)).toEqual(steps(60));
      expect([...server.runs.values()].filter(({ info }) => info['lifecycle_stage'] === 'active')).toHaveLength(1);
    },
  );

  it('gives up after some grace, and at once where it is refused', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3) });
    proxy.fault = () => '500';
    const states: Following[] = [];
    expect(await start(folder, Promise.resolve(), states, 100)).toMatchObject({
      state: 'given-up',
      reason: expect.stringContaining('it answered 500') as string,
    });
    proxy.fault = () => undefined;
    server.authorization = 'Bearer other';
    expect(await start(folder, new Promise(() => undefined), states)).toMatchObject({
      state: 'given-up',
      reason: expect.stringContaining('does not let us in') as string,
    });
  });
});

describe('sendBeside', { timeout: 120_000 }, () => {
  it('follows from a process of its own, and ends with the run', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 2), state: 'running' });
    const beside = sendBeside(folder, { kind: 'mlflow', uri: proxy.uri }, { interval: 50, patience: 30_000 });
    await until(() => losses().length === 2);
    writeRows(folder, rowsOf(3, 4));
    await makeRun(runsFolder, { state: 'done' });
    expect(await beside.end()).toMatchObject({ state: 'sent', isOver: true });
    expect(losses()).toEqual(steps(4));
  });

  it.each<Exclude<Fault, 'cut after' | undefined> | 'nobody there'>(['hang', '500', 'cut before', 'nobody there'])(
    'costs the run nothing where the server is in trouble: %s',
    async (fault) => {
      const folder = await makeRun(runsFolder, { state: 'running' });
      const { uri } = proxy;
      if (fault === 'nobody there') await proxy.close();
      else proxy.fault = () => fault;
      const changes: string[] = [];
      const began = performance.now();
      const beside = sendBeside(
        folder,
        { kind: 'mlflow', uri, patience: 500 },
        { interval: 50, patience: 1500, grace: 1000, onChange: (_target, { state }) => changes.push(state) },
      );
      const writer = new MetricsWriter(folder);
      const writes = rowsOf(1, 2000).map((row) => {
        const before = performance.now();
        writer.write(row);
        return performance.now() - before;
      });
      writer.close();
      // In the same process: what is left of 2000 lines is what writing them costs anyway.
      const median = writes.sort((a, b) => a - b)[1000] ?? Infinity;
      expect(median).toBeLessThan(1); // ms
      if (fault !== 'hang') await until(() => changes.length > 0);
      const state = await beside.end();
      expect(state?.state === 'sent').toBe(false);
      expect(performance.now() - began).toBeLessThan(60_000);
      expect(server.runs.size).toBe(0);
      if (fault === 'nobody there') proxy = await faultProxy(server.uri);
    },
  );

  it('outlives the process of the run: what it wrote before a kill arrives, and the run counts as killed', async () => {
    const source = (file: string): string => JSON.stringify(pathToFileURL(join(packageRoot, file)).href);
    const program = `
      const { makeRun, rowsOf } = await import(${source('test/experiment/sinks/run-maker.ts')});
      const { sendBeside } = await import(${source('src/experiment/sinks/beside.ts')});
      const folder = await makeRun(${JSON.stringify(runsFolder)}, { rows: rowsOf(1, 500), state: 'running' });
      sendBeside(folder, { kind: 'mlflow', uri: ${JSON.stringify(proxy.uri)} }, { interval: 50 });
      setInterval(() => undefined, 1000);
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: packageRoot,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = new Promise((done) => child.once('close', done));
    await until(() => proxy.requests.length > 0);
    child.kill('SIGKILL');
    await ended;
    await until(() => [...server.runs.values()][0]?.info['status'] === 'KILLED');
    expect(losses()).toEqual(steps(500));
  });
});
