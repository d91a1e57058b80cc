import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/experiment/metrics.js';
import { readStatus } from '../../src/experiment/run-record.js';

const script = fileURLToPath(new URL('fixtures/slow.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-processes-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Settings {
  readonly runs: string;
  readonly pause?: number;
  readonly seed?: number;
  readonly rate?: number;
}

const args = ({ runs, pause = 0, seed = 1, rate = 1 }: Settings): string[] => [
  '--import',
  'tsx',
  script,
  join(folder, runs),
  join(folder, `${runs}.log`),
  String(pause),
  String(seed),
  String(rate),
];

async function finish(settings: Settings): Promise<{ folder: string; x: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, args(settings));
  return JSON.parse(stdout) as { folder: string; x: number };
}

const logOf = async (runs: string): Promise<string[]> =>
  (await readFile(join(folder, `${runs}.log`), 'utf8').catch(() => '')).trimEnd().split('\n');

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 500) throw new Error('waited in vain');
    await sleep(20);
  }
}

describe('kill -9', () => {
  it('is followed by a run that ends like one that was never killed', async () => {
    const whole = await finish({ runs: 'whole' });
    const child = spawn(process.execPath, args({ runs: 'killed', pause: 150 }), { stdio: 'ignore' });
    const closed = new Promise((done) => child.once('exit', done));
    const metrics = async (): Promise<number> => {
      const runs = join(folder, 'killed', 'slow');
      const [id] = await readdir(runs).catch(() => []);
      return id === undefined ? 0 : (await readMetrics(join(runs, id))).length;
    };
    await until(async () => (await metrics()) >= 5);
    child.kill('SIGKILL');
    await closed;
    const again = await finish({ runs: 'killed' });
    expect(again.x).toBe(whole.x);
    const log = await logOf('killed');
    expect(log.slice(0, 2)).toEqual(['corpus', 'base from 0']);
    expect(log.filter((line) => line === 'corpus')).toHaveLength(1); // finished before: not run again
    expect(log.at(-2)).toMatch(/^base from [468]$/u);
    const values = async (run: string): Promise<unknown> =>
      (await readMetrics(run)).map(({ step, values }) => [step, values]);
    expect(await values(again.folder)).toEqual(await values(whole.folder));
    expect((await readStatus(again.folder)).state).toBe('done');
  });
});

describe('two processes on one store', () => {
  it('run a stage once: the second waits and finds it', async () => {
    const both = await Promise.all([finish({ runs: 'two', pause: 100 }), finish({ runs: 'two', pause: 100 })]);
    expect(both[0].x).toBe(both[1].x);
    expect(both[0].folder).not.toBe(both[1].folder);
    const log = await logOf('two');
    expect(log.filter((line) => line === 'corpus')).toHaveLength(1);
    expect(log.filter((line) => line.startsWith('base from'))).toHaveLength(1);
    expect(log.join()).toMatch(/is being run by process \d+/u);
  });

  it('run different computations side by side', async () => {
    const runs = await Promise.all([
      finish({ runs: 'side', pause: 300 }),
      finish({ runs: 'side', pause: 300, rate: 2 }),
      finish({ runs: 'side', pause: 300, seed: 7 }),
    ]);
    expect(new Set(runs.map(({ x }) => x)).size).toBe(3);
    const log = await logOf('side');
    expect(log.filter((line) => line === 'corpus')).toHaveLength(1);
    expect(log.filter((line) => line === 'base from 0')).toHaveLength(3);
    // Each began before the first had ended.
    expect(log.indexOf('base done')).toBeGreaterThan(log.lastIndexOf('base from 0'));
  });
});
