import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/experiment/metrics.js';
import { readStatus } from '../../src/experiment/run-record.js';
import { packageRoot } from '../../src/setup/project.js';

const source = (file: string): string => pathToFileURL(join(packageRoot, 'src', file)).href;

/** A small training that saves only when it is asked to stop. */
const experimentText = `
import { z } from 'zod';
import { decoder, experiment, pretrain } from '${source('index.ts')}';

const tokens = Int32Array.from({ length: 63 }, (_, index) => (index * index) % 11);
const data = { context: 8, numRows: 7, tokens, weights: new Uint8Array(56).fill(1), numTokens: 56, numBytes: 56 };

export default experiment('stopped', z.object({ steps: z.int() }), { steps: 600 })
  .stage('base', ({ config, key, metrics, checkpoints, signal }) =>
    pretrain(decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 11 }), {
      data, key, metrics, checkpoints, signal,
      steps: config.steps, batchSize: 3, learningRate: 1e-3, checkpointEvery: 100_000, target: 'graph',
    }));
`;

let project = '';
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'trainbook-run-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'stopped.ts'), experimentText);
});
afterEach(() => rm(project, { recursive: true, force: true }));

/** `trainbook run stopped.ts`, from the sources. */
function start() {
  const program = `const { main } = await import('${source('cli.ts')}'); process.exitCode = await main(['run', 'stopped.ts']);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString('utf8')));
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
  return { child, ended };
}

const runFolder = async (): Promise<string | undefined> => {
  const runs = join(project, 'runs', 'stopped');
  const [id] = await readdir(runs).catch(() => []);
  return id === undefined ? undefined : join(runs, id);
};

async function afterSteps(numSteps: number): Promise<string> {
  for (let tries = 0; tries < 6000; tries++) {
    const folder = await runFolder();
    if (folder !== undefined && (await readMetrics(folder).catch(() => [])).length >= numSteps) return folder;
    await sleep(20);
  }
  throw new Error('waited in vain');
}

describe('trainbook run', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'saves at %s and exits with 1; started again, it goes on from there',
    { timeout: 300_000 },
    async (signal) => {
      const first = start();
      const folder = await afterSteps(5);
      first.child.kill(signal);
      const { code, output } = await first.ended;
      expect(output).toContain('interrupted: saving');
      expect(code).toBe(1);
      expect((await readStatus(folder)).state).toBe('interrupted');
      const done = (await readMetrics(folder)).length;
      expect(done).toBeLessThan(600);
      const second = await start().ended;
      expect(second.output).toContain('goes on from the checkpoint');
      expect(second.code).toBe(0);
      expect((await readStatus(folder)).state).toBe('done');
      const rows = await readMetrics(folder);
      expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
      // All that the first process did was saved: no step of it was done again.
      expect(rows.filter(({ attempt }) => attempt === rows[0]?.attempt)).toHaveLength(done);
    },
  );
});
