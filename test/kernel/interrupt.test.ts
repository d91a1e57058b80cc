import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKernel, type RunningKernel } from '../../experiments/bench/jupyter-client.js';
import { buildSources } from './jupyter.js';

const root = resolve(import.meta.dirname, '../..');
/** The whole of `src/`, as the kernel and the cells of a notebook have it. */
const entries = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => /\.c?ts$/.test(path))
  .map((path) => path.slice('src/'.length));

describe('a training that a cell calls by itself', () => {
  let sources: string;
  let folder: string;
  let kernel: RunningKernel;

  beforeAll(async () => {
    sources = await buildSources(entries);
    folder = await mkdtemp(join(tmpdir(), 'trainbook-interrupt-'));
    const argv = [process.execPath, join(sources, 'kernel.cjs'), '--config-path', '{connection_file}'];
    kernel = await startKernel(argv, { cwd: folder });
  });
  afterAll(async () => {
    await kernel.close();
    await rm(sources, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  it(
    'stops at an interrupt, saves, leaves the kernel as it was, and goes on from there',
    { timeout: 120_000 },
    async () => {
      const define = `const path: string = ${JSON.stringify(join(sources, 'index.js'))};
      const { characterTokenizer, decoder, key, pack, pretrain } = await import(path);
      const text = 'to be or not to be '.repeat(200);
      const tokenizer = characterTokenizer({ documents: [{ text }] });
      const documents = [{ id: 'a', text, source: 'test' }];
      const steps: number[] = [];
      const { writeFileSync } = await import('node:fs');
      const training = (numSteps: number) => pretrain(decoder({ layers: 1, width: 8, heads: 1, context: 16, vocabularySize: tokenizer.size }), {
        data: pack({ documents }, tokenizer, 16), steps: numSteps, batchSize: 2, learningRate: 1e-3, warmupSteps: 1, target: 'graph',
        checkpoints: 'checkpoints', key: key(1), metrics: (step: number) => { steps.push(step); if (step % 20 === 0) writeFileSync('steps', String(step)); },
      });`;
      const defined = await kernel.execute(define);
      expect([defined.status, ...defined.traceback]).toEqual(['ok']);
      const training = kernel.execute('await training(1_000_000);', { stopOnError: false });
      await expect.poll(() => existsSync(join(folder, 'steps')), { timeout: 60_000 }).toBe(true);
      kernel.interrupt();
      const stopped = await training;
      expect(stopped.status).toBe('error');
      expect(stopped.text).toContain(
        'train: interrupted; the step that runs is finished and saved; run the cell again to go on',
      );
      expect(stripVTControlCharacters(stopped.traceback.join('\n'))).toMatch(
        /^train: interrupted after step \d+ of 1000000; saved in checkpoints$/,
      );
      expect((await readdir(join(folder, 'checkpoints'))).length).toBeGreaterThan(0);
      const { text } = await kernel.execute('const done = steps.at(-1) ?? 0;\nconsole.log(done);');
      expect(Number(text)).toBeGreaterThan(0);
      await rm(join(folder, 'steps'));
      const again = kernel.execute('await training(1_000_000);', { stopOnError: false });
      await expect.poll(() => existsSync(join(folder, 'steps')), { timeout: 60_000 }).toBe(true);
      kernel.interrupt();
      expect((await again).status).toBe('error');
      expect((await kernel.execute('steps[steps.indexOf(done) + 1] === done + 1')).text).toBe('true\n');
    },
  );
});
