import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import minilm from '../../experiments/minilm.js';
import { runExperiment } from 'trainbook';

/** The experiment's own stages, smaller. */
const small = {
  'tokenizer.vocabularySize': 300,
  'teacher.layers': 2,
  'teacher.width': 32,
  'teacher.heads': 2,
  'teacher.context': 32,
  'student.layers': 1,
  'student.width': 16,
  'student.heads': 1,
  'student.context': 32,
  'train.steps': 4,
  'train.batchSize': 4,
  'train.warmupSteps': 2,
  'train.heldOutRows': 8,
  'distil.train.steps': 4,
  'distil.train.batchSize': 4,
  'distil.train.warmupSteps': 2,
  'distil.train.heldOutRows': 8,
  'distil.relationSteps': 2,
  'distil.heads': 4,
  'data.heldOut': 0.02,
  'data.shares': { brown: 1 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-minilm-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('MiniLM goes from text to a table of a teacher and three students', { timeout: 300_000 }, async () => {
  const run = await runExperiment(minilm, {
    runsFolder: folder,
    numericClass: 'test',
    code: 'test',
    set: small,
    seed: 1,
  });
  const rows = await run.artifact('score');
  expect(rows.map(({ model }) => model)).toEqual([
    'teacher',
    'student alone',
    'student by MiniLM',
    'student by logits',
  ]);
  for (const { bitsPerByte } of rows) expect(bitsPerByte).toBeLessThan(Math.log2(300)); // what a model that knows nothing needs for a token of at least one byte
  expect(rows[1]?.parameters).toBeLessThan(rows[0]?.parameters ?? 0);
});
