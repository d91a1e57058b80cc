import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/experiment/metrics.js';
import { packageRoot } from '../../src/setup/project.js';

const fileOf = (...path: readonly string[]): string => pathToFileURL(join(packageRoot, ...path)).href;
const cli = fileURLToPath(new URL('fixtures/cli.ts', import.meta.url));
const stages = ['sft', 'aligned', 'reasoning'] as const;
const steps = 6;

/** Fine-tuning, preferences and reinforcement, one after the other: each stage takes the group. */
const experimentText = `
import { z } from 'zod';
import { conversation, dpo, experiment, fineTune, grpo, prefer, preferencePairs, reinforce } from '${fileOf('src', 'index.ts')}';
import { chat, problems, template, tinyModel } from '${fileOf('test', 'train', 'recipes', 'tiny-chat.ts')}';

const answered = problems.map(({ prompt, answer }) => conversation(template, [...prompt, { role: 'assistant', content: answer }]));
const { pairs } = preferencePairs(chat, problems.map(({ prompt, answer }) => ({ prompt, chosen: answer, rejected: answer + '+' })));
const common = { batchSize: 4, steps: ${steps}, learningRate: 1e-2, target: 'graph' };
const sevens = ({ completion }) => Array.from(completion).filter((letter) => letter === '7').length / 3;

export default experiment('small-alignment', z.object({}), {})
  .stage('sft', ({ key, metrics, checkpoints, signal, group }) =>
    fineTune(tinyModel(), { chat, data: answered, ...common, key, metrics, checkpoints, signal, group }))
  .stage('aligned', ({ sft, key, metrics, checkpoints, signal, group }) =>
    prefer(sft, { pairs, objective: dpo({ beta: 0.1 }), ...common, key, metrics, checkpoints, signal, group }))
  .stage('reasoning', ({ aligned, key, metrics, checkpoints, signal, group }) =>
    reinforce(aligned, { chat, problems, rewards: { sevens }, method: grpo({ groupSize: 4 }), maxTokens: 3, ...common,
      key, metrics, checkpoints, signal, group }));
`;

let project = '';
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'launched-post-training-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
  await writeFile(join(project, 'small-alignment.ts'), experimentText);
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** The metrics of an experiment that so many processes ran. */
async function launched(processes: number, runs: string) {
  const words = ['launch', '--processes', String(processes), 'small-alignment.ts', '--', '--runs', runs];
  await promisify(execFile)(process.execPath, ['--import', 'tsx', cli, ...words], {
    cwd: project,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(packageRoot, 'tsconfig.json') },
  });
  const folder = join(project, runs, 'small-alignment');
  const [id = ''] = await readdir(folder);
  return readMetrics(join(folder, id));
}

describe('recipes of post-training under trainbook launch', { timeout: 300_000 }, () => {
  it('two processes give the curves of one: fine-tuning, DPO and GRPO', async () => {
    const [one, two] = [await launched(1, 'one'), await launched(2, 'two')];
    for (const stage of stages) {
      for (const name of stage === 'reasoning' ? ['loss', 'reward'] : ['loss']) {
        const curve = (rows: typeof one): number[] =>
          rows.filter((row) => row.stage === stage).flatMap(({ values }) => values[name] ?? []);
        const [alone, together] = [curve(one), curve(two)];
        expect(alone, `${stage} ${name}`).toHaveLength(steps);
        expect(together, `${stage} ${name}`).toHaveLength(steps);
        alone.forEach((value, step) => {
          expect(Math.abs(value - (together[step] ?? NaN)), `${stage} ${name}, step ${step + 1}`).toBeLessThan(1e-4);
        });
      }
    }
  });
});
