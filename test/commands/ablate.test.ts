import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { ablationEvents, planText, resultTable } from '../../src/commands/ablate-text.js';
import type { ArmResult } from '../../src/experiment/ablations/comparison.js';
import type { AblationRecord, Cell } from '../../src/experiment/ablations/record.js';
import { verdict } from '../../src/experiment/ablations/verdict.js';
import { packageRoot } from '../../src/setup/project.js';

const source = (file: string): string => pathToFileURL(join(packageRoot, 'src', file)).href;

const ablationText = `
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ablation, experiment } from '${source('index.ts')}';

const base = experiment('toy', z.object({ rate: z.number(), pause: z.int() }), { rate: 1, pause: 1 })
  .stage('fit', async ({ config: { rate, pause }, key, signal }) => {
    if (rate > 9) throw new Error('diverged');
    await sleep(pause, undefined, { signal });
    return { loss: rate + (key.words[0] % 100) / 1000 };
  });

export default ablation(base, {
  name: 'rates',
  axes: { rate: [1, 2, 10] },
  config: { pause: Number(process.env.PAUSE ?? 1) },
  seeds: [1, 2],
  measure: ({ fit }) => fit.loss,
  label: 'loss',
  better: 'lower',
});
`;

let project = '';
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'trainbook-ablate-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'rates.ts'), ablationText);
  const program = `import { main } from '${source('cli.ts')}';\nprocess.exitCode = await main(process.argv.slice(2));\n`;
  await writeFile(join(project, 'cli.ts'), program);
});
afterAll(() => rm(project, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `trainbook ablate rates.ts …`, from the sources. */
function ablate(
  words: readonly string[],
  pause = 1,
): { readonly child: ReturnType<typeof spawn>; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli.ts', 'ablate', 'rates.ts', ...words], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PAUSE: String(pause) },
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, ...output });
    });
  });
  return { child, ended };
}

describe('trainbook ablate', { timeout: 240_000 }, () => {
  test('shows the plan, runs in worker processes, and ends with 1 where cells failed', async () => {
    const dry = await ablate(['--dry-run']).ended;
    expect(dry.stderr).toBe('');
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/^rates: 3 arms × 2 seeds = 6 runs of toy, 1 at a time\n/u);
    expect(dry.stdout).toMatch(/^rate=2 +fit +fit$/mu);
    expect(await readdir(join(project, 'runs'))).not.toContain('ablations'); // nothing ran

    const full = await ablate(['--workers', '2', '--json']).ended;
    expect(full.code).toBe(1);
    const result = JSON.parse(full.stdout) as { folder: string; numFailed: number; state: string; arms: ArmResult[] };
    expect(result).toMatchObject({ ablation: 'rates', state: 'done', baseline: 'rate=1', numFailed: 2 });
    expect(result.arms.map(({ arm, numFailed }) => [arm, numFailed])).toEqual([
      ['rate=1', 0],
      ['rate=2', 0],
      ['rate=10', 2],
    ]);
    expect(result.arms[1]?.difference?.mean).toBeCloseTo(1, 10);

    // Once more: nothing is left to do. One seed alone is another ablation, whose stages are in the store.
    const events = join(project, 'events');
    const again = await ablate(['--seeds', '2', '--tensorboard', events]).ended;
    expect(again.code).toBe(1);
    // each run was sent as it ended, the failed one too
    expect(again.stdout).toMatch(/^sent: 3 of 3 runs$/mu);
    const files = (await readdir(events, { recursive: true })).filter((path) => path.includes('tfevents'));
    expect(new Set(files.map((path) => path.split(sep).slice(0, 2).join('/'))).size).toBe(3);
    expect(again.stdout).toMatch(/^rate=1 +stored$/mu);
    expect(again.stdout).toMatch(/^rate=2 +1 .* one seed: no interval$/mu);
    expect(again.stdout).toMatch(/^failed: rate=10, seed 2: diverged$/mu);
    expect(again.stdout).toMatch(/^ablation: .*runs\/ablations\/rates\//mu);
  });

  test('SIGINT saves and stops; the next start goes on', async () => {
    const { child, ended } = ablate(['--workers', '1'], 60_000);
    const cells = async (): Promise<string> => {
      const parent = join(project, 'runs', 'ablations', 'rates');
      for (const id of await readdir(parent).catch((): string[] => [])) {
        const spec = await readFile(join(parent, id, 'ablation.json'), 'utf8').catch(() => ''); // not written yet
        if (!spec.includes('60000')) continue;
        return readFile(join(parent, id, 'cells', '0-1.json'), 'utf8').catch(() => '');
      }
      return '';
    };
    for (
      let tries = 0;
      !(await cells()).includes('"run"') && !(await cells()).includes('running') && tries < 3000;
      tries++
    ) {
      await sleep(50);
    }
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('interrupted: saving');
    expect(await cells()).toContain('"state": "waiting"');
  });

  test('one cell, as a task of a cluster runs it; a manifest for Kubernetes', async () => {
    const words = ['--backend', 'kubernetes', '--image', 'node:22', '--claim', 'runs', '--json', '--seeds', '1,2,3'];
    const written = await ablate(words).ended;
    expect(written.stderr).toBe('');
    expect(written.code).toBe(0);
    const { folder, manifest } = JSON.parse(written.stdout) as { folder: string; manifest: string };
    expect(await readFile(manifest, 'utf8')).toContain('completions: 9');
    const cell = await ablate(['--folder', folder, '--cell', '4']).ended;
    expect(cell.code).toBe(0);
    expect(JSON.parse(cell.stdout)).toMatchObject({ arm: 'rate=2', seed: 2, state: 'done' });
    const failing = await ablate(['--folder', folder, '--cell', '6']).ended;
    expect(failing.code).toBe(1);
    expect(failing.stderr).toContain('diverged');
  });
});

test.each([
  ['--cell without --folder', ['--cell', '1'], /--cell and --folder go together/u],
  ['no number of workers', ['--workers', '0'], /--workers needs an integer > 0/u],
  ['more cores than there are', ['--workers', '999'], /need more than the \d+ cores of this machine/u],
  ['no size', ['--memory-per-worker', 'lots'], /needs a size such as 2GiB, not 'lots'/u],
  ['an unknown backend', ['--backend', 'cloud'], /Expected one of/u],
  ['no image', ['--backend', 'kubernetes'], /needs --image and --claim/u],
  ['seeds that are none', ['--seeds', '1,b'], /--seeds needs an integer, not 'b'/u],
])('%s is wrong usage', async (_what, words, message) => {
  let stderr = '';
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  expect(await main(['ablate', 'a.ts', ...words])).toBe(2);
  spy.mockRestore();
  expect(stderr).toMatch(message);
});

describe('text', () => {
  const done = (arm: string, seed: number, value: number, more: Partial<Cell> = {}): Cell => ({
    arm,
    seed,
    state: 'done',
    value,
    ...more,
  });
  const record: AblationRecord = {
    folder: '',
    spec: {
      format: 1,
      name: 'norms',
      id: 'i',
      experiment: 'toy',
      createdAt: '',
      code: '',
      numericClass: '',
      measure: 'bits',
      also: ['spikes'],
      better: 'lower',
      design: { kind: 'grid' },
      halving: { path: 'steps', rungs: [1, 2], keep: 0.5 },
      axes: [],
      seeds: [1, 2, 3],
      base: {},
      baseline: 'a',
      arms: ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, settings: {} })),
    },
    cells: [
      ...[2, 2.1, 2.2].map((value, index) => done('a', index + 1, value, { also: { spikes: index } })),
      ...[2.2, 2.31, 2.39].map((value, index) => done('b', index + 1, value)),
      ...[1.9, 2.2, 2.3].map((value, index) => done('c', index + 1, value)),
      ...[1, 2, 3].map((seed): Cell => ({ arm: 'd', seed, state: 'failed', error: 'diverged\nhere' })),
      ...[1, 2, 3].map((seed): Cell => ({ arm: 'e', seed, state: 'stopped', rung: 0 })),
    ],
  };

  test('the table says what the numbers mean', () => {
    const lines = resultTable(record).split('\n');
    expect(lines[0]).toBe('bits, lower is better');
    expect(lines[2]).toMatch(/^a \(baseline\) +3 +2\.1 +1\.852 … 2\.348 +baseline$/u);
    expect(lines[3]).toMatch(/^b .* \+0\.2 .* worse$/u);
    expect(lines[4]).toMatch(/^c .* inside the noise: 97 seeds would be needed$/u);
    expect(lines[5]).toMatch(/^d +0 \(3 failed\) +failed$/u);
    expect(lines[6]).toMatch(/^e +0 +stopped early$/u);
    expect(lines).toContain('failed: d, seed 1: diverged');
    expect(lines).toContain('successive halving: after steps = 1 only the best 50% of the arms went on');
    expect(lines.find((line) => line.startsWith('also (means)'))).toMatch(/spikes$/u);
  });

  test('a gap that correction makes uncertain is said so', () => {
    const row = { arm: 'b', isBaseline: false, mean: 1, numFailed: 0, numStopped: 0, values: [], interval: undefined };
    const difference = {
      mean: -1,
      interval: [-2, -0.1] as const,
      numPairs: 3,
      pValue: 0.03,
      effectSize: 3,
      seedsNeeded: 4,
      insideNoise: false,
    };
    expect(verdict({ ...row, difference: { ...difference, corrected: 0.04 } }, 'lower')).toBe('better');
    expect(verdict({ ...row, difference: { ...difference, corrected: 0.04 } }, 'higher')).toBe('worse');
    expect(verdict({ ...row, difference: { ...difference, corrected: 0.3 } }, 'lower')).toMatch(/may be chance/u);
    expect(verdict({ ...row, mean: undefined, difference: undefined }, 'lower')).toBe('not run yet');
  });

  test('the plan counts what is in the store', () => {
    const stage = { stage: 'fit', action: 'run', reason: '', seconds: 4 } as const;
    const cells = record.cells.map(({ arm, seed }) => ({ arm, seed, state: 'waiting' as const, stages: [stage] }));
    const text = planText(record.spec, { folder: undefined, cells, seconds: 60 }, 2);
    expect(text).toMatch(/^norms: 5 arms × 3 seeds = 15 runs of toy, 2 at a time/u);
    expect(text).toMatch(/estimate: about 30\.0 s$/u);
  });

  test('cells are told as they end', () => {
    let written = '';
    const write = (text: string): void => void (written += text);
    const tell = ablationEvents({ write, isTerminal: false, columns: 80 }, record.spec);
    tell({ type: 'ablation-start', folder: '/x', resumed: true, cells: record.cells.slice(0, 2) });
    tell({ type: 'cell-start', cell: 3, arm: 'b', seed: 1, rung: 0 });
    tell({ type: 'cell-end', cell: 3, result: done('b', 1, 2.2, { seconds: 12.34 }) });
    tell({ type: 'cell-end', cell: 9, result: { arm: 'd', seed: 1, state: 'failed', error: 'diverged\nhere' } });
    expect(written.split('\n')).toEqual([
      'going on in /x',
      '2 of 15 cells have ended before',
      '[3/15] b, seed 1: 2.2 (12.3 s)',
      '[4/15] d, seed 1: failed: diverged',
      '',
    ]);
  });
});
