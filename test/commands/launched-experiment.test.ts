import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/experiment/metrics.js';
import { readStatus } from '../../src/experiment/run-record.js';
import { packageRoot } from '../../src/setup/project.js';

/** Each stage notes the process that it ran in; only `base` takes the group. */
const experimentText = `
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import { decoder, experiment, pretrain } from '${pathToFileURL(join(packageRoot, 'src', 'index.ts')).href}';

const noted = (stage) => appendFileSync('stages.txt', stage + '\\n');

export default experiment('shared', z.object({ steps: z.int() }), { steps: 40 })
  .stage('numbers', () => {
    noted('numbers');
    return Array.from({ length: 63 * 4 }, (_, index) => (index * index) % 11);
  })
  .stage('base', ({ config, numbers, key, metrics, checkpoints, signal, group }) => {
    noted('base ' + group.index + ' of ' + group.size);
    const data = {
      context: 8, numRows: 28, tokens: Int32Array.from(numbers), weights: new Uint8Array(224).fill(1), numTokens: 224, numBytes: 224,
    };
    return pretrain(decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 11 }), {
      data, key, metrics, checkpoints, signal, group,
      steps: config.steps, batchSize: 4, learningRate: 1e-3, checkpointEvery: 100_000, target: 'graph',
    });
  })
  .stage('size', ({ base }) => {
    noted('size');
    return base.architecture.numParameters;
  });
`;

const cli = fileURLToPath(new URL('fixtures/cli.ts', import.meta.url));

let project = '';
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'launched-experiment-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'shared.ts'), experimentText);
});
afterEach(() => rm(project, { recursive: true, force: true }));

function trainbook(...words: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...words], {
    cwd: project,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(packageRoot, 'tsconfig.json') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

const runFolders = async (): Promise<string[]> =>
  (await readdir(join(project, 'runs', 'shared')).catch(() => []))
    .sort()
    .map((id) => join(project, 'runs', 'shared', id));
const stagesRun = async (): Promise<string[]> => {
  const lines = (await readFile(join(project, 'stages.txt'), 'utf8')).trim().split('\n').sort();
  await rm(join(project, 'stages.txt'));
  return lines;
};
const losses = async (folder: string): Promise<number[]> =>
  (await readMetrics(folder)).flatMap(({ values: { loss } }) => loss ?? []);

describe('trainbook launch of an experiment', { timeout: 300_000 }, () => {
  it('runs a stage that takes the group in all processes, the others in one; the record is that of one run', async () => {
    const launched = await trainbook('launch', '--processes', '2', 'shared.ts').ended;
    expect(launched.code, launched.output).toBe(0);
    expect(await stagesRun()).toEqual(['base 0 of 2', 'base 1 of 2', 'numbers', 'size']);
    const [folder = '', ...more] = await runFolders();
    expect(more).toEqual([]);
    expect((await readStatus(folder)).state).toBe('done');
    const together = await losses(folder);
    expect(together).toHaveLength(40);

    const alone = await trainbook('launch', '--processes', '1', 'shared.ts', '--', '--from', 'base').ended;
    expect(alone.code, alone.output).toBe(0);
    expect(await stagesRun()).toEqual(['base 0 of 1', 'size']);
    const [, second = ''] = await runFolders();
    (await losses(second)).forEach((loss, step) => {
      expect(Math.abs(loss - (together[step] ?? NaN)), `step ${step + 1}`).toBeLessThan(1e-4);
    });
  });

  it('interrupted, it is gone on with by another number of processes', async () => {
    const first = trainbook('launch', '--processes', '2', 'shared.ts', '--', '--set', 'steps=3000');
    for (;;) {
      const [folder] = await runFolders();
      if (folder !== undefined && (await losses(folder)).length > 20) break;
      await sleep(50);
    }
    first.child.kill('SIGTERM');
    const interrupted = await first.ended;
    expect(interrupted.code, interrupted.output).toBe(1);
    const [folder = ''] = await runFolders();
    expect((await readStatus(folder)).state).toBe('interrupted');
    const steps = (await losses(folder)).length;
    expect(steps).toBeLessThan(3000);
    await stagesRun();

    const alone = await trainbook('launch', '--processes', '1', 'shared.ts', '--', '--set', 'steps=3000').ended;
    expect(alone.code, alone.output).toBe(0);
    expect(await stagesRun()).toEqual(['base 0 of 1', 'size']);
    expect(await runFolders()).toEqual([folder]);
    const rows = await readMetrics(folder);
    expect(rows.filter(({ attempt }) => attempt === 1)).toHaveLength(steps);
    expect(rows).toHaveLength(3000);
  });

  it('an error of one process ends the run, with its words', async () => {
    const text = experimentText
      .replace("noted('size');", '')
      .replace("noted('base '", "if (group.index === 1) throw new Error('no room here');\n    noted('base '");
    await writeFile(join(project, 'shared.ts'), text);
    const { code, output } = await trainbook('launch', '--processes', '2', 'shared.ts').ended;
    expect(code).toBe(1);
    expect(output).toContain('no room here');
    const [folder = ''] = await runFolders();
    expect((await readStatus(folder)).state).toBe('failed');
  });
});
