import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import quickstart from '../../experiments/quickstart.js';
import { runExperiment, weightHash, writeReport } from 'trainbook';

/** The quickstart's own stages, smaller. */
const small = {
  'tokenizer.vocabularySize': 300,
  'model.layers': 1,
  'model.width': 32,
  'model.heads': 2,
  'model.context': 32,
  'train.steps': 8,
  'train.batchSize': 4,
  'train.warmupSteps': 2,
  'train.evaluateEvery': 4,
  'train.heldOutRows': 8,
  'data.heldOut': 0.02,
  'data.shares': { brown: 1 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-quickstart-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function run(name: string, seed: number) {
  return runExperiment(quickstart, {
    runsFolder: join(folder, name),
    numericClass: 'test',
    code: 'test',
    set: small,
    seed,
  });
}

it('gives equal weights, scores and samples for one seed, and others for another', async () => {
  const [first, second, other] = [await run('a', 1), await run('b', 1), await run('c', 2)];
  const hash = async (done: typeof first): Promise<string> => weightHash(await done.artifact('base'));
  const expected = await hash(first);
  expect(await hash(second)).toBe(expected);
  expect(await hash(other)).not.toBe(expected);
  const score = await first.artifact('score');
  expect(await second.artifact('score')).toEqual(score);
  expect(await second.artifact('samples')).toEqual(await first.artifact('samples'));
  // A model that knows nothing needs log2(300) bits a token of at least one byte.
  expect(score.bitsPerByte).toBeLessThan(Math.log2(300));
  const report = await readFile(await writeReport(first.folder), 'utf8');
  expect(report).toContain('ROMEO:');
}, 240_000);
