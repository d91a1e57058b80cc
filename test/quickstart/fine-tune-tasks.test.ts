import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bind, chatMl, decoder, key, load, runExperiment, savePretrained, trainBpe } from 'trainbook';
import fineTuneTasks from '../../experiments/fine-tune-tasks.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-tasks-'));
  vi.stubEnv('TRAINBOOK_MODELS', join(folder, 'models'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A model that knows nothing, where a published one would lie. */
async function saveTiny(name: string): Promise<void> {
  const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
  const tokenizer = await trainBpe(await load('pii_templates'), { vocabularySize: 400, specialTokens });
  const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 512, vocabularySize: tokenizer.size });
  const chat = bind(chatMl, tokenizer);
  const model = { architecture, weights: architecture.init(key(1)) };
  const generation = { stops: [...chat.stops] };
  await savePretrained({ model, tokenizer, generation }, join(folder, 'models', name));
}

it('three tasks go from data that ships to a table of scores before and after', { timeout: 300_000 }, async () => {
  await saveTiny('tiny');
  const set = { model: 'tiny', asked: 2, maxTokens: 3, texts: 1, 'train.steps': 3, 'train.warmupSteps': 1 };
  const run = await runExperiment(fineTuneTasks, {
    runsFolder: join(folder, 'runs'),
    numericClass: 'test',
    code: 'test',
    set,
    seed: 1,
  });

  const { learned, unseen } = await run.artifact('rows');
  for (const task of ['extraction', 'summary', 'dialogue'] as const) {
    const groups = new Set(learned[task].map(({ group }) => group));
    expect(learned[task].length).toBeGreaterThan(50);
    expect(unseen[task].map(({ group }) => groups.has(group))).toEqual([false, false]);
  }
  expect(learned.extraction.every(({ turns: [asked = ''], answer }) => asked.includes(answer))).toBe(true);
  expect(learned.dialogue.every(({ turns, answer }) => answer.split(':')[0] === turns[1]?.split(':')[0])).toBe(true);

  const table = await run.artifact('table');
  const loss = table.find(({ score }) => score.startsWith('dialogue: loss'));
  expect(loss?.before).toBeCloseTo(Math.log(400), 1); // of a model that knows nothing
  expect(loss?.after).toBeLessThan(loss?.before ?? 0);
  expect(table.map(({ score }) => score)).toContain('ordinary English (bits per byte)');
});
