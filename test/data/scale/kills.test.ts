import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { folderHash, writeCorpus } from './corpus.js';

let root: string;
let files: readonly string[];
const program = join(import.meta.dirname, 'killed-program.ts');
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'trainbook-kills-'));
  files = await writeCorpus(join(root, 'corpus'), 6, 100);
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly hash: string | undefined;
  readonly errors: string;
  /** From the beginning of the pipeline. */
  readonly milliseconds: number;
}

/** Runs the program, and kills it so long after its pipeline began. */
function run(out: string, killAfter = Infinity, limit = ''): Promise<Ended> {
  const input = JSON.stringify({ files, out, workers: 1 });
  const child = spawn('bash', [
    '-c',
    `${limit} exec "$0" --import "$1" "$2" "$3"`,
    process.execPath,
    tsx,
    program,
    input,
  ]);
  let errors = '';
  let begun = performance.now();
  let last: string | undefined;
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
    if (line !== 'begun') return;
    begun = performance.now();
    if (killAfter < Infinity) setTimeout(() => child.kill('SIGKILL'), killAfter);
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, hash: code === 0 ? last : undefined, errors, milliseconds: performance.now() - begun });
    });
  });
}

// Ten processes that each load their code: half a minute on a machine that does other things, too.
test(
  'killed at random instants and started again, a pipeline ends with the same bytes',
  { timeout: 300_000 },
  async () => {
    const whole = await run(join(root, 'whole'));
    expect(whole.code, whole.errors).toBe(0);
    const out = join(root, 'killed');
    const draws = uniformNumbers(key(3), 5);
    let numKilled = 0;
    for (const draw of draws) {
      const { code, errors } = await run(out, draw * 0.35 * whole.milliseconds);
      if (code === null) numKilled++;
      else expect(code, errors).toBe(0);
    }
    const ended = await run(out);
    expect(ended.hash, ended.errors).toBe(whole.hash);
    expect(await folderHash(out)).toBe(await folderHash(join(root, 'whole')));
    expect(numKilled).toBeGreaterThan(0);
  },
);

test(
  'on a full disk nothing is half written, the error says so, and it continues when there is room',
  { timeout: 120_000 },
  async () => {
    const out = join(root, 'full');
    const full = await run(out, Infinity, 'ulimit -f 60;'); // blocks of 1,024 bytes
    expect(full.code).toBe(1);
    expect(full.errors).toMatch(/no space left on the disk.*to fix: make room, then run again/su);
    const ended = await run(out);
    expect(ended.hash, ended.errors).toBe((await run(join(root, 'whole'))).hash);
  },
);
