import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from './fakes.js';

// A stranger's project: `npm init`, the packed trainbook, `npx trainbook setup`, `new`, `run`. It needs the network, or npm's
// and pip's caches.

const clone = resolve(import.meta.dirname, '..', '..');
let project: string;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(command: string, args: readonly string[], cwd: string): Promise<Result> {
  return new Promise((done) => {
    execFile(command, args, { cwd, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

async function succeed(command: string, args: readonly string[], cwd: string = project): Promise<string> {
  const { code, stdout, stderr } = await start(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout;
}

const trainbook = (...args: string[]): Promise<string> => succeed('npx', ['--no-install', 'trainbook', ...args]);

beforeAll(async () => {
  project = temporaryFolder();
  const packed = await succeed('npm', ['pack', '--json', '--pack-destination', project], clone);
  const [{ filename = '' } = {}] = JSON.parse(packed) as { filename?: string }[];
  writeFileSync(join(project, 'package.json'), '{ "name": "stranger", "private": true }');
  await succeed('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${filename}`]);
}, 180_000);
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

test('installed from its package: one tfjs-core, and commands of the clone are not offered', async () => {
  const installed = readdirSync(join(project, 'node_modules'), { recursive: true, encoding: 'utf8' });
  expect(installed.filter((path) => path.endsWith(join('@tensorflow', 'tfjs-core', 'package.json')))).toHaveLength(1);
  const help = await trainbook('--help');
  expect(help).toContain('setup');
  expect(help).not.toMatch(/\bstart\b/);
});

test('setup makes .venv and kernels and takes the library from the user’s cache; doctor is content', async () => {
  const { parts } = JSON.parse(await trainbook('setup', '--json')) as { parts: { name: string; path: string }[] };
  expect(parts.map(({ name }) => name)).toEqual(['Python environment', 'libtensorflow', 'Jupyter kernels']);
  const kernel = JSON.parse(
    readFileSync(join(project, '.venv/share/jupyter/kernels/trainbook/kernel.json'), 'utf8'),
  ) as { argv: string[] };
  expect(kernel.argv[1]).toMatch(/node_modules\/trainbook\/dist\/kernel\.cjs$/);
  const { healthy } = JSON.parse(await trainbook('doctor', '--json')) as { healthy: boolean };
  expect(healthy).toBe(true);
}, 240_000);

test('new writes an experiment on the user’s own text that runs to its report', async () => {
  const words = ['the', 'city', 'is', 'old', 'and', '城市', 'river', 'runs', 'past', 'it'];
  const line = (seed: number): string =>
    words.map((_word, index) => words[(index * seed + seed) % words.length]).join(' ');
  const paragraphs = Array.from({ length: 400 }, (_, index) => `${index} ${line(index)} ${line(index * 3 + 1)}.`);
  writeFileSync(join(project, '我的 text.txt'), paragraphs.join('\n\n'));
  const { path } = JSON.parse(await trainbook('new', 'my-model', '--data', '我的 text.txt', '--json')) as {
    path: string;
  };
  expect(path).toMatch(/experiments\/my-model\.mts$/); // the project is not one of ES modules
  const small = [
    'train.steps=4',
    'train.warmupSteps=1',
    'train.evaluateEvery=4',
    'model.layers=1',
    'model.width=32',
    'model.heads=2',
    'tokenizer.vocabularySize=300',
  ];
  const stdout = await trainbook('run', path, ...small.flatMap((pair) => ['--set', pair]), '--json');
  const result = JSON.parse(stdout) as { state: string; report: string };
  expect(result.state).toBe('done');
  expect(readFileSync(result.report, 'utf8')).toContain('my-model');
}, 120_000);
