import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import { startDecoding } from '../../src/model/decoding.js';
import { generate } from '../../src/model/generate.js';
import { likeliest } from '../../src/model/choose-token.js';
import { lora } from '../../src/model/lora.js';
import { mergeLora } from '../../src/model/lora-merge.js';
import { decoderPolicy, loraPolicy } from '../../src/model/policy.js';
import { startRollouts } from '../../src/model/rollout.js';

const architecture = decoder({ layers: 2, width: 32, heads: 2, context: 24, vocabularySize: 13 });
const model = { architecture, weights: architecture.init(key(3)) };
const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [1, 2, 3], [10, 11]];

async function greedyAnswers(from: typeof model, maxTokens: number): Promise<number[][]> {
  const decoding = startDecoding(from, { batch: prompts.length, length: 20 });
  const answers: number[][] = prompts.map(() => []);
  for await (const { sequence, token } of generate(decoding, prompts, { choose: likeliest, maxTokens })) {
    answers[sequence]?.push(token);
  }
  decoding.dispose();
  return answers;
}

const listed = (answers: readonly { readonly tokens: Int32Array }[]): number[][] =>
  answers.map(({ tokens }) => [...tokens]);

describe('rollouts', () => {
  it('at temperature 0 are what generate gives, however many are written at a time', async () => {
    const expected = await greedyAnswers(model, 6);
    for (const batchSize of [2, 8]) {
      const rollouts = startRollouts(decoderPolicy(architecture), {
        batchSize,
        maxTokens: 6,
        stops: [],
        temperature: 0,
        target: 'graph',
      });
      expect(listed(await rollouts.write(model.weights, prompts, key(1)))).toEqual(expected);
      rollouts.dispose();
    }
  });

  it('end with a stop token, or with as many tokens as there may be', async () => {
    const [expected = []] = await greedyAnswers(model, 6);
    const stop = expected[2] ?? 0;
    const plan = { batchSize: 4, maxTokens: 6, stops: [stop], temperature: 0, target: 'graph' } as const;
    const [first] = await startRollouts(decoderPolicy(architecture), plan).write(model.weights, prompts, key(1));
    expect([...(first?.tokens ?? [])]).toEqual(expected.slice(0, expected.indexOf(stop) + 1));
    expect(first?.stopped).toBe(true);
  });

  it('are drawn by a key of their own: equal for equal keys, others for others, and for equal prompts', async () => {
    const plan = { maxTokens: 8, stops: [], temperature: 1.5, target: 'graph' } as const;
    const few = startRollouts(decoderPolicy(architecture), { ...plan, batchSize: 2 });
    const many = startRollouts(decoderPolicy(architecture), { ...plan, batchSize: 5 });
    const drawn = listed(await few.write(model.weights, prompts, key(1)));
    expect(listed(await many.write(model.weights, prompts, key(1)))).toEqual(drawn);
    expect(listed(await many.write(model.weights, prompts, key(2)))).not.toEqual(drawn);
    expect(drawn[0]).not.toEqual(drawn[3]);
  });

  it('of an adapter are those of the merged model', async () => {
    const method = lora({ rank: 2, targets: 'all-linear', alpha: 32 });
    const start = method.init(model, key(4));
    const weights = Object.fromEntries(
      Object.entries(start).map(([name, { a, b }]) => [name, { a, b: b.add(0.3) }]),
    ) as typeof start;
    const merged = mergeLora(model, { kind: 'lora', method, weights });
    const plan = { batchSize: 5, maxTokens: 6, stops: [], temperature: 0, target: 'graph' } as const;
    const beside = await startRollouts(loraPolicy(model, method), plan).write(weights, prompts, key(1));
    expect(listed(beside)).toEqual(await greedyAnswers(merged, 6));
    expect(listed(beside)).not.toEqual(await greedyAnswers(model, 6));
  });

  it('refuse a prompt that leaves no room', async () => {
    const rollouts = startRollouts(decoderPolicy(architecture), { batchSize: 1, maxTokens: 21, stops: [] });
    await expect(rollouts.write(model.weights, [[1, 2, 3, 4, 5]], key(1))).rejects.toThrow('leaves no room');
    await expect(rollouts.write(model.weights, [[]], key(1))).rejects.toThrow('has no tokens');
  });
});
