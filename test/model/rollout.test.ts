import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { fold, key } from '../../src/engine/key.js';
import type { Key } from '../../src/engine/key.js';
import { likeliest } from '../../src/model/choose-token.js';
import { decoder } from '../../src/model/decoder.js';
import { lora } from '../../src/model/lora.js';
import { mergeLora } from '../../src/model/lora-merge.js';
import { decoderPolicy, loraPolicy } from '../../src/model/policy.js';
import { startRollouts } from '../../src/model/rollout.js';
import type { Rollout, RolloutPlan } from '../../src/model/rollout.js';
import { stepwiseWriter } from '../../src/model/stepwise-rollout.js';
import { loopSizes } from '../../src/model/traced-rollout.js';
import { settledMemory } from '../settled-memory.js';

const architecture = decoder({ layers: 2, width: 32, heads: 2, context: 24, vocabularySize: 13 });
const weights = architecture.init(key(3));
const model = { architecture, weights };
const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [1, 2, 3], [10, 11]];

/** Logits after a row of tokens, from a forward pass of it alone. */
function logitsAfter(from: typeof model, tokens: readonly number[]): Float32Array {
  return tf
    .tidy(() => {
      const logits = architecture.forward(from.weights, tf.tensor2d([[...tokens]], [1, tokens.length], 'int32'));
      return tf.slice(logits, [0, tokens.length - 1, 0], [1, 1, -1]).reshape([-1]);
    })
    .dataSync<'float32'>();
}

function greedyAnswers(from: typeof model, maxTokens: number): number[][] {
  return prompts.map((prompt) => {
    const row = [...prompt];
    for (let count = 0; count < maxTokens; count++) row.push(likeliest(logitsAfter(from, row)));
    return row.slice(prompt.length);
  });
}

const listed = (answers: readonly Rollout[]): number[][] => answers.map(({ tokens }) => [...tokens]);

function write(
  plan: Partial<RolloutPlan>,
  given: readonly (readonly number[])[] = prompts,
  from: Key = key(1),
): Promise<Rollout[]> {
  const rollouts = startRollouts(decoderPolicy(architecture), {
    batchSize: 5,
    maxTokens: 6,
    stops: [],
    target: 'graph',
    ...plan,
  });
  return rollouts.write(model.weights, given, from);
}

describe('rollouts', () => {
  it('at temperature 0 take the likeliest tokens of forward passes, however many are written at a time', async () => {
    const expected = greedyAnswers(model, 6);
    for (const batchSize of [2, 8]) expect(listed(await write({ batchSize, temperature: 0 }))).toEqual(expected);
  });

  it('end with a stop token, or with as many tokens as there may be', async () => {
    const [expected = []] = greedyAnswers(model, 6);
    const stop = expected[2] ?? 0;
    const [first] = await write({ batchSize: 4, stops: [stop], temperature: 0 });
    expect([...(first?.tokens ?? [])]).toEqual(expected.slice(0, expected.indexOf(stop) + 1));
    expect(first?.stopped).toBe(true);
  });

  it('are drawn by a key of their own: equal for equal keys, others for others, and for equal prompts', async () => {
    const plan = { maxTokens: 8, temperature: 1.5 };
    const drawn = listed(await write({ ...plan, batchSize: 2 }));
    expect(listed(await write({ ...plan, batchSize: 5 }))).toEqual(drawn);
    expect(listed(await write(plan, prompts, key(2)))).not.toEqual(drawn);
    expect(drawn[0]).not.toEqual(drawn[3]);
  });

  it('are the same in a second loop of fewer rows, and where equal prompts are read once', async () => {
    expect(loopSizes(32, true)).toEqual([32, 8]);
    expect(loopSizes(32, false)).toEqual([32]);
    const plan = { maxTokens: 12, temperature: 1, stops: [0, 1] };
    const many = Array.from({ length: 32 }, (_, index) => prompts[index % 4] ?? []); // three that differ
    const together = await write({ ...plan, batchSize: 32 }, many);
    const lengths = together.map(({ tokens }) => tokens.length);
    expect(lengths.filter((length) => length < 12).length).toBeGreaterThan(24); // the smallest loop is entered
    expect(Math.max(...lengths)).toBe(12);
    expect(listed(await write({ ...plan, batchSize: 7 }, many))).toEqual(listed(together));
  });

  it('are drawn as often as softmax(logits / temperature) says', async () => {
    const [prompt = []] = prompts;
    const numDraws = 4000;
    const drawn = await write(
      { batchSize: numDraws, maxTokens: 1, temperature: 0.7 },
      Array.from({ length: numDraws }, () => prompt),
    );
    const counts = new Array<number>(13).fill(0);
    for (const { tokens } of drawn) counts[tokens[0] ?? 0] = (counts[tokens[0] ?? 0] ?? 0) + 1;
    const probabilities = tf.softmax(tf.div(tf.tensor1d(logitsAfter(model, prompt)), 0.7)).dataSync();
    const terms = counts.map(
      (count, token) =>
        (count - numDraws * (probabilities[token] ?? 0)) ** 2 / (numDraws * (probabilities[token] ?? 0)),
    );
    expect(terms.reduce((sum, term) => sum + term)).toBeLessThan(32.9); // χ² with 12 degrees of freedom: p = 0.001
  });

  it('come with ln softmax(logits / temperature) of each token, whatever was filtered', async () => {
    const answers = await write({ temperature: 0.5, topK: 3, repetitionPenalty: 1.5 });
    for (const [index, { tokens, logProbabilities }] of answers.entries()) {
      tokens.forEach((token, place) => {
        const row = [...(prompts[index] ?? []), ...tokens.subarray(0, place)];
        const expected = tf.logSoftmax(tf.div(tf.tensor1d(logitsAfter(model, row)), 0.5)).dataSync()[token];
        expect(logProbabilities[place]).toBeCloseTo(expected ?? NaN, 4);
      });
    }
  });

  it('are what is drawn token by token outside, with all filters', async () => {
    const choice = { temperature: 1.3, topK: 9, topP: 0.9, minP: 0.02, repetitionPenalty: 1.2 };
    const plan = { batchSize: 5, maxTokens: 8, stops: [3] };
    const keys = prompts.map((_, index) => fold(key(1), index));
    const outside = await stepwiseWriter(decoderPolicy(architecture), { ...plan, choice })(
      model.weights,
      prompts,
      keys,
    );
    const inside = await write({ ...plan, ...choice });
    expect(listed(inside)).toEqual(listed(outside));
    expect(inside.map(({ stopped }) => stopped)).toEqual(outside.map(({ stopped }) => stopped));
    inside.forEach(({ logProbabilities }, index) => {
      logProbabilities.forEach((value, place) => {
        expect(value).toBeCloseTo(outside[index]?.logProbabilities[place] ?? NaN, 4);
      });
    });
  });

  it('of an adapter are those of the merged model', async () => {
    const method = lora({ rank: 2, targets: 'all-linear', alpha: 32 });
    const start = method.init(model, key(4));
    const adapter = Object.fromEntries(
      Object.entries(start).map(([name, { a, b }]) => [name, { a, b: b.add(0.3) }]),
    ) as typeof start;
    const merged = mergeLora(model, { kind: 'lora', method, weights: adapter });
    const plan = { batchSize: 5, maxTokens: 6, stops: [], temperature: 0, target: 'graph' } as const;
    const beside = await startRollouts(loraPolicy(model, method), plan).write(adapter, prompts, key(1));
    expect(listed(beside)).toEqual(greedyAnswers(merged, 6));
    expect(listed(beside)).not.toEqual(greedyAnswers(model, 6));
  });

  it('leave no tensors and no memory behind', async () => {
    const plan = { batchSize: 16, maxTokens: 8, stops: [1], repetitionPenalty: 1.1, target: 'graph' } as const;
    const rollouts = startRollouts(decoderPolicy(architecture), plan);
    const call = (from: number): Promise<Rollout[]> => rollouts.write(model.weights, prompts, key(from));
    await call(0);
    const before = await settledMemory();
    for (let from = 1; from <= 30; from++) await call(from);
    expect(await settledMemory()).toEqual(before);
    rollouts.dispose();
  });

  it('refuse a prompt that leaves no room, and logits that are not numbers', async () => {
    await expect(write({ maxTokens: 21 }, [[1, 2, 3, 4, 5]])).rejects.toThrow('leaves no room');
    await expect(write({}, [[]])).rejects.toThrow('has no tokens');
    expect(() => startRollouts(decoderPolicy(architecture), { batchSize: 0, maxTokens: 4, stops: [] })).toThrow(
      'batchSize',
    );
    const broken = { ...model.weights, norm: { ...model.weights.norm, weight: tf.fill([32], NaN) } };
    const rollouts = startRollouts(decoderPolicy(architecture), {
      batchSize: 1,
      maxTokens: 2,
      stops: [],
      target: 'graph',
    });
    await expect(rollouts.write(broken, [[1]], key(1))).rejects.toThrow('not numbers');
  });
});
