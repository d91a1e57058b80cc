import type * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { flatten } from '../../../src/engine/tree.js';
import { lora } from '../../../src/model/lora.js';
import { mergeLora } from '../../../src/model/lora-merge.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import { decoderPolicy } from '../../../src/model/policy.js';
import { prefixTuning } from '../../../src/model/prefix-tuning.js';
import { promptTuning } from '../../../src/model/prompt-tuning.js';
import { startRollouts } from '../../../src/model/rollout.js';
import { chatMl } from '../../../src/tokens/chat-templates.js';
import type { SystemUserAssistant } from '../../../src/tokens/chat-templates.js';
import { parseQuestion } from '../../../src/tokens/conversation.js';
import { pack } from '../../../src/tokens/pack.js';
import { fineTune, fineTuneAdapter } from '../../../src/train/recipes/fine-tune.js';
import type { FineTuneOptions } from '../../../src/train/recipes/fine-tune.js';
import { twoMembers } from '../two-members.js';
import { capitals, chat, cities, said, smallModel } from './small-chat.js';

const model = smallModel();
type Options = FineTuneOptions<SystemUserAssistant>;

/** Few steps: to see that something is the same. */
const short: Options = {
  chat,
  data: capitals,
  steps: 8,
  batchSize: 2,
  learningRate: 1e-2,
  key: key(3),
  target: 'graph',
};
const update = lora({ rank: 4, targets: 'all-linear' });
const text = pack(
  { documents: [{ text: 'It was the best of times, it was the worst of times.' }, { text: 'Call me Ishmael.' }] },
  chat.tokenizer,
  24,
);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fine-tune-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a model answers to the questions of `capitals`. */
async function answersOf({ architecture, weights }: Model): Promise<string[]> {
  const plan = { batchSize: 6, maxTokens: 12, stops: chat.stops, temperature: 0 };
  const rollouts = startRollouts(decoderPolicy(architecture), plan);
  const prompts = capitals.map((turns) => chat.prompt(parseQuestion(chatMl, turns.slice(0, 1))));
  const written = await rollouts.write(weights, prompts, key(1));
  rollouts.dispose();
  return written.map(({ tokens, stopped }) => chat.tokenizer.decode(stopped ? tokens.slice(0, -1) : tokens));
}

const numbersOf = (given: Model): number[][] =>
  flatten<tf.Tensor>(given.weights).map((tensor) => [...tensor.dataSync()]);

type Metrics = [step: number, values: Record<string, number>][];

describe('fineTune', () => {
  it('learns the answers, measures what is held out from before the first step on, and leaves the base as it is', async () => {
    const rows: Metrics = [];
    const before = numbersOf(model);
    const tuned = await fineTune(model, {
      ...short,
      context: 60, // two conversations a row
      steps: 120,
      batchSize: 3,
      heldOut: capitals.slice(0, 2),
      heldOutText: text,
      evaluateEvery: 1000,
      metrics: (step, values) => rows.push([step, values]),
    });
    expect(await answersOf(tuned)).toEqual(cities);
    expect(numbersOf(model)).toEqual(before);
    const measured = rows.filter(([, { heldOutLoss }]) => heldOutLoss !== undefined);
    expect(measured.map(([step]) => step)).toEqual([0, 120]);
    const [first = {}, last = {}] = measured.map(([, values]) => values);
    expect(first['heldOutLoss']).toBeCloseTo(Math.log(402), 0);
    expect(last['heldOutLoss']).toBeLessThan(0.1);
    expect(last['heldOutLoss.pretraining']).toBeGreaterThan((first['heldOutLoss.pretraining'] ?? NaN) + 1);
  });

  it('forgets less where text of pretraining is mixed in', async () => {
    const losses: Record<string, number>[] = [];
    await fineTune(model, {
      ...short,
      steps: 60,
      pretraining: { data: text, share: 0.2 },
      heldOut: capitals,
      heldOutText: text,
      evaluateEvery: 1000,
      on: (event) => {
        if (event.type === 'evaluation') losses.push({ ...event.scores });
      },
    });
    const [first, last] = losses;
    expect(last?.['heldOutLoss.pretraining']).toBeLessThan((first?.['heldOutLoss.pretraining'] ?? NaN) - 2);
    expect(last?.['heldOutLoss']).toBeLessThan((first?.['heldOutLoss'] ?? NaN) - 3);
  });

  it('with LoRA: the base stays, and the result is the base with the adapter merged', async () => {
    const before = numbersOf(model);
    const tuned = await fineTune(model, { ...short, adapter: update });
    const adapter = await fineTuneAdapter(model, update, short);
    expect(numbersOf(model)).toEqual(before);
    expect(adapter.kind).toBe('lora');
    expect(await weightHash(tuned)).toBe(await weightHash(mergeLora(model, adapter)));
    expect(await weightHash(tuned)).not.toBe(await weightHash(model));
  });
});

describe('fineTuneAdapter', () => {
  let base = model;
  beforeAll(async () => {
    // Each country with another one's capital: a model that has learnt to look at the question.
    const wrong = capitals.map((turns, index) => said(turns[0]?.content ?? '', cities[(index + 1) % 6] ?? ''));
    base = await fineTune(model, { ...short, data: wrong, context: 60, steps: 40, batchSize: 3 });
  });

  it.each([
    ['a prefix', (options: Options) => fineTuneAdapter(base, prefixTuning({ numVirtualTokens: 4 }), options)],
    ['a prompt', (options: Options) => fineTuneAdapter(base, promptTuning({ numVirtualTokens: 4 }), options)],
  ] as const)('trains %s', async (_, tuned) => {
    const losses: number[] = [];
    const metrics = (_step: number, { loss = NaN }: Record<string, number>): void => void losses.push(loss);
    const before = numbersOf(base);
    const adapter = await tuned({ ...short, steps: 30, batchSize: 6, learningRate: 0.1, metrics });
    expect(adapter.method.config).toEqual({ ...adapter.method.config, numVirtualTokens: 4 });
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? NaN) - 0.5);
    expect(numbersOf(base)).toEqual(before);
  });
});

const harder: Partial<Options> = {
  data: { even: { data: capitals.slice(0, 3), share: 0.7 }, odd: { data: capitals.slice(3), share: 0.3 } },
  pretraining: { data: text, share: 0.2 },
  curriculum: { by: 'length', stages: 2 },
};

describe('exact resume', () => {
  it.each([
    ['all weights of tasks, text and a curriculum', harder],
    ['an adapter', { adapter: update }],
  ] as const)('holds for %s', async (name, more) => {
    const run = async (given: Partial<Options>): Promise<string> =>
      weightHash(await fineTune(model, { ...short, ...more, ...given }));
    const whole = await run({});
    const stop = new AbortController();
    const checkpoints = join(folder, name);
    const stopped = run({
      checkpoints,
      signal: stop.signal,
      metrics: (step) => {
        if (step === 5) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(await run({ checkpoints })).toBe(whole);
    // Another mixture is another run.
    await expect(run({ checkpoints, pretraining: { data: text, share: 0.1 } })).rejects.toThrow(
      'a run with other data or settings',
    );
  });
});

describe('two processes', () => {
  it('have the curve of one on the same global batch', async () => {
    const curveOf = async (given: Partial<Options>): Promise<number[]> => {
      const losses: number[] = [];
      await fineTune(model, {
        ...short,
        ...harder,
        ...given,
        metrics: (_step, { loss = NaN }) => losses.push(loss),
      });
      return losses;
    };
    const alone = await curveOf({});
    const [first = [], second = []] = await Promise.all(twoMembers().map((group) => curveOf({ group })));
    expect(first).toHaveLength(8);
    expect(second).toEqual(first);
    // The same sums in another order.
    for (const [step, loss] of alone.entries()) expect(first[step]).toBeCloseTo(loss, 4);
  });
});
