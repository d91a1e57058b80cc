import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differing, trainKilled } from '../../../experiments/bench/killed-training.js';
import type { Kill, KilledOutcome } from '../../../experiments/bench/killed-training.js';
import type { KilledTraining } from '../../../experiments/bench/kills-worker.js';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { packageRoot } from '../../../src/setup/project.js';

/** The worker imports `trainbook`: here that is the source. */
const environment = { TSX_TSCONFIG_PATH: join(packageRoot, 'experiments', 'tsconfig.json') };

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kills-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Dropout, four micro-batches a step, evaluations with a best one, spikes that are noted. */
const training = (name: string, target: 'graph' | 'xla'): KilledTraining => ({
  folder: join(folder, name),
  target,
  model: { layers: 2, width: 32, heads: 2, context: 16, vocabularySize: 500, dropout: 0.1 },
  numRows: 40,
  plan: { steps: 60, batchSize: 8, microBatch: 2, checkpointEvery: 3, evaluateEvery: 4 },
});

/** The training of each target that nobody kills. */
const wholes = new Map<string, Promise<KilledOutcome>>();
function wholeOf(target: 'graph' | 'xla'): Promise<KilledOutcome> {
  const known = wholes.get(target) ?? trainKilled(training(`whole ${target}`, target), [], environment);
  wholes.set(target, known);
  return known;
}

function expectSame(killed: KilledOutcome, whole: KilledOutcome): void {
  expect(differing(killed, whole)).toEqual([]);
  expect(killed.checkpoints.length).toBeGreaterThan(0);
  expect(killed.weights).toBe(whole.weights);
}

describe('kill -9', { timeout: 600_000 }, () => {
  it('at instants drawn over the wall time, and while a checkpoint is written: all is as if it had not been', async () => {
    const whole = await wholeOf('graph');
    const stepping = whole.endAfter - whole.firstStepAfter;
    // Three parts of the run, each to somewhere within it, mostly in the middle of a step.
    const draws = uniformNumbers(key(3), 3).map((draw) => (draw * 2 * stepping) / 6);
    const kills: Kill[] = [
      { after: 'start', milliseconds: whole.firstStepAfter / 2 },
      { after: 'first file of a checkpoint' },
      { after: 'first file of a checkpoint' },
      ...[...draws].map((milliseconds): Kill => ({ after: 'first step', milliseconds })),
    ];
    const killed = await trainKilled(training('killed', 'graph'), kills, environment);
    expect(killed.numKilled).toBeGreaterThanOrEqual(5); // the last one may find that it has ended
    expect(killed.numHalfWritten).toBeGreaterThan(0);
    expectSame(killed, whole);
    expect((await readdir(join(folder, 'killed'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('on XLA', async () => {
    const whole = await wholeOf('xla');
    const stepping = whole.endAfter - whole.firstStepAfter;
    const kill: Kill = { after: 'first step', milliseconds: stepping / 2 };
    expectSame(await trainKilled(training('killed xla', 'xla'), [kill], environment), whole);
  });
});

it(
  'files may grow no larger than a checkpoint: the run ends without its checkpoints, and one without the limit ends alike',
  { timeout: 600_000 },
  async () => {
    const whole = await wholeOf('graph');
    const limited = training('limited', 'graph');
    const worker = join(packageRoot, 'experiments', 'bench', 'kills-worker.ts');
    const run = promisify(execFile)(
      'bash',
      // In units of 1 KB: the weights are larger.
      ['-c', 'ulimit -f 100; exec "$0" --import tsx "$1" "$2"', process.execPath, worker, JSON.stringify(limited)],
      { env: { ...process.env, ...environment }, cwd: packageRoot },
    );
    const { stdout, stderr } = await run; // its weights are whole, though none could be written
    expect(stderr).toMatch(/EFBIG[\s\S]*step 3 was not written|step 3 was not written[\s\S]*EFBIG/);
    expect(stdout).toContain('{"step":60}');
    expect(await readdir(limited.folder)).toEqual([]);
    expectSame(await trainKilled(limited, [], environment), whole);
  },
);
