import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/setup/project.js';

const cli = fileURLToPath(new URL('../commands/fixtures/cli.ts', import.meta.url));
const script = fileURLToPath(new URL('fixtures/launched-training.ts', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'launched-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Launched {
  readonly code: number;
  readonly stderr: string;
  /** By step. */
  readonly losses: ReadonlyMap<number, number>;
}

/** `trainbook launch` of the training, with real processes; checkpoints under a name. */
function launched(processes: number, name: string, dieAfter?: number): Promise<Launched> {
  const words = ['--import', 'tsx', cli, 'launch', '--processes', String(processes), script];
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: join(packageRoot, 'experiments', 'tsconfig.json'), // `trainbook` is src/ here
    TRAINING: JSON.stringify({ folder: join(folder, name), dieAfter }),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: packageRoot, env }, (error, stdout, stderr) => {
      const lines = [...stdout.matchAll(/\{.*\}/gu)].map(
        ([line]) => JSON.parse(line) as { step: number; loss: number },
      );
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, stderr, losses: new Map(lines.map(({ step, loss }) => [step, loss])) });
    });
  });
}

describe('pretraining by several processes', { timeout: 300_000 }, () => {
  it('has the loss curve of one process over 50 steps, also when it goes on with another number of them', async () => {
    const alone = await launched(1, 'alone');
    expect(alone.stderr).toBe('');
    expect([...alone.losses.keys()]).toEqual(Array.from({ length: 50 }, (_, place) => place + 1));
    expect(alone.losses.get(50)).toBeLessThan((alone.losses.get(1) ?? NaN) - 1); // it learns

    /** Sums in another order: 1e-7 of each, which 50 steps of AdamW do not blow up beyond this. */
    const expectAsAlone = (losses: ReadonlyMap<number, number>, from: number, to: number): void => {
      for (let step = from; step <= to; step++) {
        expect(Math.abs((losses.get(step) ?? NaN) - (alone.losses.get(step) ?? NaN)), `step ${step}`).toBeLessThan(
          1e-4,
        );
      }
    };
    const two = await launched(2, 'two');
    expect(two).toMatchObject({ code: 0, stderr: '' });
    expectAsAlone(two.losses, 1, 50);

    const lost = await launched(2, 'changing', 24);
    expect(lost.code).toBe(1);
    expect(lost.stderr).toMatch(/launch: member 1 \(pid \d+\) was killed by SIGKILL/u);
    expect(lost.losses.has(50)).toBe(false);

    const three = await launched(3, 'changing');
    expect(three).toMatchObject({ code: 0, stderr: '' });
    expect(Math.min(...three.losses.keys())).toBe(21); // after the checkpoint of step 20
    expectAsAlone(three.losses, 21, 50);
  });
});
