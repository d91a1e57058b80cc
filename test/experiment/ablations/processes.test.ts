import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { ablation } from '../../../src/experiment/ablations/ablation.js';
import { readAblation } from '../../../src/experiment/ablations/cells.js';
import { compareArms } from '../../../src/experiment/ablations/comparison.js';
import { openAblation } from '../../../src/experiment/ablations/open-ablation.js';
import { fits } from '../../../src/experiment/ablations/process-memory.js';
import type { AblationRecord } from '../../../src/experiment/ablations/record.js';
import { indexList, runOnSlurm, slurmScript } from '../../../src/experiment/ablations/slurm.js';
import { experiment } from '../../../src/experiment/experiment.js';
import { readTraces } from '../../../src/experiment/traces.js';
import { canonicalJson } from '../../../src/files.js';
import type { Json } from '../../../src/files.js';
import { z } from 'zod';
import type { ToySettings } from './fixtures/toy-ablation.js';

const script = fileURLToPath(new URL('fixtures/toy-ablation.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-ablations-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const toy = (more: Partial<ToySettings>): ToySettings => ({
  runs: join(folder, 'runs'),
  log: join(folder, 'log'),
  name: 'toy',
  axes: { rate: [1, 2] },
  seeds: [1, 2],
  pause: 5,
  life: 0,
  ...more,
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the process with a group of its own, so that all it starts dies with it. */
function start(settings: ToySettings): { readonly kill: () => void; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', script, 'main', JSON.stringify(settings)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
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
  return { kill: () => process.kill(-(child.pid ?? 0), 'SIGKILL'), ended };
}

async function finish(settings: ToySettings): Promise<AblationRecord> {
  const { stdout, stderr } = await start(settings).ended;
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { record: AblationRecord }).record;
}

const logOf = async (): Promise<string[]> =>
  (await readFile(join(folder, 'log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

const repeated = (lines: readonly string[]): string[] => lines.filter((line, index) => lines.indexOf(line) !== index);

describe('two ablations at once on one store, killed with SIGKILL at random instants', () => {
  test(
    'nothing is lost, no finished stage runs again, and the tables are those of a run never killed',
    { timeout: 240_000 },
    async () => {
      const both: Pick<ToySettings, 'name' | 'axes' | 'workers'>[] = [
        { name: 'first', axes: { rate: [1, 2, 100], width: [1, 2] }, workers: 1 },
        { name: 'second', axes: { rate: [1, 2], depth: [1, 3] } },
      ];
      const whole = await Promise.all(
        both.map(({ name, axes }) =>
          finish(toy({ name, axes, runs: join(folder, 'whole'), log: join(folder, 'whole.log') })),
        ),
      );
      const numKills = 2;
      const draws = uniformNumbers(key(3), 2 * numKills);
      for (let life = 0; life < numKills; life++) {
        const before = (await logOf()).length;
        const running = both.map((each) => start(toy({ ...each, life, pause: 60 })));
        // In the midst of the work: after some more lines, and a moment that no line marks.
        const lines = before + 2 + Math.floor((draws[2 * life] ?? 0) * 8);
        for (let tries = 0; (await logOf()).length < lines && tries < 3000; tries++) await sleep(10);
        await sleep((draws[2 * life + 1] ?? 0) * 60);
        for (const { kill } of running) kill();
        for (const { ended } of running) expect((await ended).stdout).toBe('');
      }
      const killed = await Promise.all(both.map((each) => finish(toy({ ...each, life: numKills }))));

      killed.forEach((record, index) => {
        const undisturbed = whole[index];
        if (undisturbed === undefined) throw new Error('no such ablation');
        expect(compareArms(record)).toEqual(compareArms(undisturbed));
        expect(record.cells.map(({ state, error }) => [state, error])).toEqual(
          undisturbed.cells.map(({ state, error }) => [state, error]),
        );
      });
      expect(await readdir(join(folder, 'runs', 'ablations', 'first'))).toHaveLength(1);
      // What a finished stage read is in its trace: no two traces read the same.
      for (const stage of ['corpus', 'fit']) {
        const traces = await readTraces(join(folder, 'runs', 'store'), stage);
        expect(repeated(traces.map(({ reads }) => canonicalJson(reads as unknown as Json)))).toEqual([]);
      }
      // In one life no stage begins twice, in whichever process (an arm that fails leaves nothing that another could find).
      const starts = (await logOf()).filter((line) => line.includes(' start ') && !/ 100 \d+ \d+$/u.test(line));
      expect(starts.length).toBeGreaterThan(8);
      expect(repeated(starts)).toEqual([]);
    },
  );
});

describe('worker processes', () => {
  test('cells of arms whose process dies have failed and say why; the others go on', { timeout: 240_000 }, async () => {
    const record = await finish(
      toy({ axes: { rate: [1, 101, 102, 103] }, seeds: [1], workers: 2, memoryPerWorker: 600 * 2 ** 20 }),
    );
    const [good, killed, aborted, hog] = record.cells;
    expect(good).toMatchObject({ state: 'done' });
    expect(killed?.error).toBe('its process was ended by SIGKILL, 3 times');
    expect(aborted?.error).toMatch(/^its process was ended by SIGABRT/u);
    expect(hog?.error).toMatch(/^out of memory: its process held [\d.]+ GiB, its slot is 0\.59 GiB$/u);
    expect((await logOf()).filter((line) => line.includes(' 101 '))).toHaveLength(3);
  });

  test('room for one more: what is free, less what the running ones may grow by', () => {
    expect(fits(4, 10, [])).toBe(true);
    expect(fits(4, 3, [])).toBe(false);
    expect(fits(4, 10, [4])).toBe(true);
    expect(fits(4, 7, [1])).toBe(true); // 7 − (4 − 1) = 4
    expect(fits(4, 6.9, [1])).toBe(false);
    expect(fits(4, 4, [5])).toBe(true); // one that holds more than its slot has grown already
    expect(fits(0, 0, [9])).toBe(true); // nothing is known yet
  });
});

describe('Slurm', () => {
  test('the script has what a task needs', () => {
    expect(indexList([0, 1, 2, 5, 9, 8])).toBe('0-2,5,8-9');
    const open = { spec: { name: 'my norms' }, folder: "/data/it's" } as never;
    const text = slurmScript(open, [0, 1, 3], {
      command: ['node', '/opt/trainbook.mjs', '--cell'],
      project: '/data/my project',
      cores: 4,
      memoryBytes: 3e9,
      atOnce: 2,
    });
    expect(text.split('\n')).toEqual([
      '#!/bin/bash',
      '#SBATCH --job-name=my-norms',
      '#SBATCH --array=0-1,3%2',
      '#SBATCH --cpus-per-task=4',
      '#SBATCH --mem=2862M',
      String.raw`#SBATCH --output='/data/it'\''s/slurm/%A_%a.log'`,
      '#SBATCH --signal=TERM@60',
      '',
      'export TRAINBOOK_THREADS="${SLURM_CPUS_PER_TASK:-4}"',
      "cd '/data/my project' || exit 1",
      'exec node /opt/trainbook.mjs --cell "$SLURM_ARRAY_TASK_ID"',
      '',
    ]);
  });

  // Programs of Slurm's names that do what Slurm does: sbatch runs the tasks of an array, squeue knows those that run.
  const programs = {
    sbatch: `#!/usr/bin/env node
const { spawn } = require('node:child_process');
const { readFileSync, writeFileSync, existsSync } = require('node:fs');
if (process.argv.includes('--version')) { console.log('slurm 25.05'); process.exit(0); }
const script = process.argv.at(-1);
const list = /^#SBATCH --array=([\\d,-]+)/m.exec(readFileSync(script, 'utf8'))[1];
const indexes = list.split(',').flatMap((part) => {
  const [from, to = from] = part.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
});
const home = process.env.FAKE_SLURM;
let job = 1;
while (existsSync(home + '/' + job)) job++;
writeFileSync(home + '/' + job, indexes.join());
const run = 'cd ' + home + '; for i in ' + indexes.join(' ') + '; do ' +
  'SLURM_ARRAY_JOB_ID=' + job + ' SLURM_ARRAY_TASK_ID=$i SLURM_CPUS_PER_TASK=1 bash ' + script + ' >> out 2>&1; done; touch ' + job + '.ended';
spawn('bash', ['-c', run], { detached: true, stdio: 'ignore' }).unref();
console.log(job + ';cluster');
`,
    squeue: `#!/usr/bin/env node
const { existsSync } = require('node:fs');
const job = process.argv[process.argv.indexOf('--jobs') + 1];
if (!existsSync(process.env.FAKE_SLURM + '/' + job)) { console.error('slurm_load_jobs error: Invalid job id specified'); process.exit(1); }
if (!existsSync(process.env.FAKE_SLURM + '/' + job + '.ended')) console.log('RUNNING');
`,
    sacct: `#!/usr/bin/env node
const { readFileSync } = require('node:fs');
const job = process.argv[process.argv.indexOf('-j') + 1];
for (const index of readFileSync(process.env.FAKE_SLURM + '/' + job, 'utf8').split(',')) console.log(job + '_' + index + '|' + (index === '2' ? 'OUT_OF_MEMORY' : 'COMPLETED'));
`,
  };

  test('an array is submitted and followed to its end', { timeout: 240_000 }, async () => {
    const bin = join(folder, 'bin');
    const home = join(folder, 'slurm');
    await mkdir(bin);
    await mkdir(home);
    for (const [name, text] of Object.entries(programs)) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
    const settings = toy({ axes: { rate: [1, 101] }, seeds: [1, 2] });
    const base = experiment('toy', z.object({ rate: z.number(), width: z.int(), depth: z.int() }), {
      rate: 1,
      width: 1,
      depth: 1,
    })
      .stage('corpus', () => 1)
      .stage('fit', () => 1);
    const own = ablation(base, {
      name: 'toy',
      axes: { rate: [1, 101] },
      seeds: [1, 2],
      measure: ({ fit }) => fit,
      label: 'loss',
      better: 'lower',
    });
    const open = await openAblation(own, { runsFolder: settings.runs, numericClass: 'test', code: 'test', codecs: [] });
    const before = { ...process.env };
    process.env['PATH'] = `${bin}:${process.env['PATH'] ?? ''}`;
    process.env['FAKE_SLURM'] = home;
    const ended: number[] = [];
    try {
      const command = [process.execPath, '--import', 'tsx', script, 'cell', JSON.stringify(settings), open.folder];
      const task = { command, project: fileURLToPath(new URL('../../..', import.meta.url)), cores: 1 };
      const { state } = await runOnSlurm(
        open,
        task,
        (event) => {
          if (event.type === 'cell-end') ended.push(event.cell);
        },
        0.1,
      );
      expect(state).toBe('done');
    } finally {
      process.env['PATH'] = before['PATH'];
      delete process.env['FAKE_SLURM'];
    }
    const { cells } = await readAblation(open.folder);
    expect(cells.map(({ state }) => state)).toEqual(['done', 'done', 'failed', 'failed']);
    // Slurm's word counts at once; a task that ended without one is submitted once more.
    expect(cells[2]?.error).toMatch(/^Slurm: OUT_OF_MEMORY \(see .*1_2\.log\)$/u);
    expect(cells[3]?.error).toMatch(/^Slurm: COMPLETED \(see .*2_3\.log\)$/u);
    expect(await readFile(join(home, '2'), 'utf8')).toBe('3');
    expect(ended.sort()).toEqual([0, 1, 2, 3]);
  });

  test('where there is no sbatch, the script is written', async () => {
    const base = experiment('none', z.object({ rate: z.number() }), { rate: 1 }).stage('fit', () => 1);
    const own = ablation(base, {
      axes: { rate: [1] },
      seeds: [7],
      measure: ({ fit }) => fit,
      label: 'loss',
      better: 'lower',
    });
    const open = await openAblation(own, { runsFolder: join(folder, 'runs'), numericClass: 'test', code: 'test' });
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      const task = { command: ['trainbook'], project: folder, cores: 1 };
      const outcome = await runOnSlurm(open, task, () => undefined);
      expect(outcome).toEqual({ state: 'written', script: join(open.folder, 'slurm', 'array.sh') });
    } finally {
      process.env['PATH'] = path;
    }
    expect(await readFile(join(open.folder, 'slurm', 'array.sh'), 'utf8')).toContain('--array=0\n');
  });
});
