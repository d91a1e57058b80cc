import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../src/experiment/experiment.js';
import { runExperiment } from '../../src/experiment/run.js';
import { hashFile } from '../../src/files.js';

let project = '';
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: project })
    .toString()
    .trim();

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'trainbook-records-'));
  git('init', '-q', '-b', 'trunk');
  git('remote', 'add', 'origin', 'https://me:hunter22@example.org/a.git');
  await writeFile(join(project, '.gitignore'), 'runs/\n');
  await writeFile(join(project, 'package-lock.json'), '{}');
  await writeFile(join(project, 'text.txt'), 'to be');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(project, { recursive: true, force: true });
});

const words = experiment('words', z.object({ train: z.object({ steps: z.int(), rate: z.number() }) }), {
  train: { steps: 3, rate: 0.5 },
})
  .stage('corpus', async () => (await readFile(join(project, 'text.txt'), 'utf8')).split(' '))
  .stage('base', ({ config, corpus, key, metrics }) => {
    metrics(1, { loss: 2 });
    return corpus.length * config.train.steps + (key.words[0] % 2);
  });

const json = async <T>(folder: string, name: string): Promise<T> =>
  JSON.parse(await readFile(join(folder, name), 'utf8')) as T;
const options = (more: object = {}): { codecs: []; code: string; runsFolder: string; numericClass: string } => ({
  code: 'test',
  codecs: [],
  runsFolder: join(project, 'runs'),
  numericClass: 'test float64',
  ...more,
});

describe('the record of a run', () => {
  it('says with what, on what, from which commit and by which command it was computed; secrets are counted', async () => {
    vi.stubEnv('TRAINBOOK_PASSWORD', 'hunter22');
    vi.stubEnv('OMP_NUM_THREADS', '2');
    const library = join(project, 'runs', 'library');
    await mkdir(library, { recursive: true });
    const name = process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';
    await writeFile(join(library, name), 'code');
    const engine = { backend: 'tensorflow', library: { path: library, version: '2.21.0' }, devices: ['CPU:0'] };
    const { folder } = await runExperiment(words, options({ engine }));
    const found = await json<Record<string, unknown>>(folder, 'environment.json');
    expect(found).toMatchObject({
      format: 1,
      node: process.version,
      packages: { trainbook: expect.stringMatching(/^\d/) as string, zod: expect.stringMatching(/^4/) as string },
      engine: { library: { version: '2.21.0', hash: await hashFile(join(library, name)) } },
      cpu: expect.any(String) as string,
      git: {
        commit: git('rev-parse', 'HEAD'),
        branch: 'trunk',
        remote: 'https://[removed-secret]@example.org/a.git',
        dirty: false,
      },
      lockFile: { name: 'package-lock.json', hash: await hashFile(join(project, 'package-lock.json')) },
      command: expect.stringMatching(/^node\b/) as string,
      secretsRemoved: 2,
    });
    expect(found['variables']).toMatchObject({ OMP_NUM_THREADS: '2', TRAINBOOK_PASSWORD: '[removed-secret]' });
    expect(JSON.stringify(found)).not.toContain('hunter22');
    await expect(stat(join(folder, 'changes.patch'))).rejects.toThrow();
  });

  it('has what the commit lacks as a patch, of the code that is imported and of tracked files', async () => {
    await writeFile(join(project, 'text.txt'), 'to be or');
    await writeFile(join(project, 'words.ts'), 'export const a = 1;\n');
    await writeFile(join(project, 'other.ts'), 'export const b = 1;\n');
    const { folder } = await runExperiment(words, options({ file: join(project, 'words.ts') }));
    const { git: state } = await json<{ git: unknown }>(folder, 'environment.json');
    expect(state).toMatchObject({ dirty: true, changes: ['text.txt', 'words.ts'] });
    const patch = await readFile(join(folder, 'changes.patch'), 'utf8');
    expect(patch).toContain('+to be or');
    expect(patch).toContain('+export const a = 1;');
    expect(patch).not.toContain('other.ts');
  });

  it('tells of each artifact what it was made from, by which code and what it read', async () => {
    const first = await runExperiment(words, options());
    await writeFile(join(project, 'other.txt'), '');
    const second = await runExperiment(words, options());
    const lineage = await json<{ code: unknown; stages: { artifact: string }[] }>(second.folder, 'lineage.json');
    const corpus = lineage.stages[0]?.artifact;
    expect(lineage).toMatchObject({ format: 1, code: { hash: 'test' } });
    expect(lineage.stages).toMatchObject([
      {
        stage: 'corpus',
        parents: [],
        code: 'test',
        config: [],
        files: { 'text.txt': await hashFile(join(project, 'text.txt')) },
        cached: true,
        run: `words/${first.runId}`,
      },
      { stage: 'base', parents: [corpus], config: ['train.steps'], files: {}, seed: 1 },
    ]);
    expect(lineage.stages[0]).not.toHaveProperty('seed');
  });

  it('has a log that can be read', async () => {
    const { folder, runId } = await runExperiment(words, options());
    const lines = (await readFile(join(folder, 'log.txt'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /u, ''))).toEqual([
      `run ${runId} begins, process ${process.pid}`,
      'plan: corpus (it never ran before), base (it never ran before)',
      'corpus: begins, for it never ran before',
      expect.stringMatching(/^corpus: done in 0\.\d s, artifact [0-9a-f]{32}$/) as string,
      'base: begins, for it never ran before',
      expect.stringMatching(/^base: done in 0\.\d s, artifact [0-9a-f]{32}$/) as string,
      expect.stringMatching(/^done in \d\.\d s$/) as string,
    ]);
  });
});
