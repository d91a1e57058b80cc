import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { treeEntries } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import { codecs } from '../../src/experiment/codecs.js';
import { decoder } from '../../src/model/decoder.js';
import { encoder } from '../../src/model/encoder.js';
import { rewardModel, weighedReward } from '../../src/model/reward-model.js';
import type { RewardModel } from '../../src/model/reward-model.js';
import { loadRewardModel, rewardModelCodec, saveRewardModel } from '../../src/model/reward-model-files.js';
import { rewardJudge, textScorer } from '../../src/model/score-texts.js';
import { bind } from '../../src/tokens/chat.js';
import { chatMl } from '../../src/tokens/chat-templates.js';
import { conversation } from '../../src/tokens/conversation.js';
import { specialTokenizer } from '../tokens/special-tokenizer.js';
import { expectClose } from './close.js';

const sizes = { layers: 1, width: 16, heads: 2, context: 12, vocabularySize: 24 };
const dimensions = { factuality: 0.5, safety: 0.3, fluency: 0.2 };
const trunks = {
  'rotary positions': decoder(sizes),
  'learned positions': decoder({ ...sizes, positions: 'learned' }),
  encoder: encoder(sizes),
};
const modelOf = (trunk: (typeof trunks)[keyof typeof trunks]): RewardModel => {
  const architecture = rewardModel(trunk, { dimensions });
  return { architecture, weights: architecture.init(key(1)) };
};
const model = modelOf(trunks['rotary positions']);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reward-model-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(Object.entries(trunks))('a reward model on a trunk: %s', (_, trunk) => {
  const { architecture, weights } = modelOf(trunk);
  const text = [5, 9, 3, 7];
  const read = (row: readonly number[], mask: readonly number[]): ArrayLike<number> =>
    architecture
      .forward(weights, tf.tensor2d([[...row]], undefined, 'int32'), {
        mask: tf.tensor2d([[...mask]], undefined, 'int32'),
      })
      .dataSync();

  it('reads the last token of a text, with padding on either side or both', () => {
    const alone = read(text, [1, 1, 1, 1]);
    expect(alone).toHaveLength(3);
    expectClose(read([...text, 0, 8], [1, 1, 1, 1, 0, 0]), alone, 1e-6);
    expectClose(read([8, 0, ...text], [0, 0, 1, 1, 1, 1]), alone, 1e-6);
    expectClose(read([8, ...text, 2], [0, 1, 1, 1, 1, 0]), alone, 1e-6);
    expect(read([5, 9, 3, 8], [1, 1, 1, 1])[0]).not.toBeCloseTo(alone[0] ?? NaN, 5); // another last token
  });

  it('is saved and loaded as it is', async () => {
    const place = join(folder, trunk.kind);
    await saveRewardModel({ architecture, weights }, place);
    const loaded = await loadRewardModel(place);
    expect(loaded.architecture.config).toEqual(architecture.config);
    const entries = (tree: unknown): [string, number[]][] =>
      treeEntries<tf.Tensor>(tree as Tree<tf.Tensor>).map(([path, tensor]) => [path, [...tensor.dataSync()]]);
    expect(entries(loaded.weights)).toEqual(entries(weights));
    await rm(place, { recursive: true });
  });
});

describe('dimensions', () => {
  it('are weighed: by hand', () => {
    expect(weighedReward(model.architecture, [2, -1, 0.5])).toBeCloseTo(0.5 * 2 - 0.3 + 0.1, 12);
  });

  it('of a list count alike', () => {
    expect(rewardModel(decoder(sizes), { dimensions: ['a', 'b'] }).config.dimensions).toEqual({ a: 0.5, b: 0.5 });
  });

  it('need different names without dots', () => {
    expect(() => rewardModel(decoder(sizes), { dimensions: ['a', 'a'] })).toThrow(/rewardModel: dimensions/);
    expect(() => rewardModel(decoder(sizes), { dimensions: { 'a.b': 1 } })).toThrow(/rewardModel: dimensions/);
    expect(() => rewardModel(decoder(sizes), { dimensions: [] })).toThrow(/rewardModel: dimensions/);
  });
});

describe('scores', () => {
  it('of texts of any lengths are in their order, whatever stands beside them', async () => {
    const texts = [[4, 5, 6, 7, 8, 9, 10], [3], [4, 5], [9, 9, 9]];
    const score = textScorer(model, { batchSize: 3, target: 'graph' });
    const together = await score(texts);
    for (const [place, text] of texts.entries()) {
      const [alone] = await score([text]);
      expect(together[place]?.reward).toBeCloseTo(alone?.reward ?? NaN, 6);
      const own = Object.values(alone?.dimensions ?? {});
      expect(alone?.reward).toBeCloseTo(weighedReward(model.architecture, own), 6);
    }
    expect(Object.keys(together[0]?.dimensions ?? {})).toEqual(['factuality', 'safety', 'fluency']);
    await expect(score([[]])).rejects.toThrow(/text 0 has no tokens/);
    await expect(score([[1], Array.from({ length: 13 }, () => 1)])).rejects.toThrow(/text 1 has no tokens, or more/);
  });

  it('of a chat are those of its dialogues: a judge', async () => {
    const tokenizer = specialTokenizer(['<|im_start|>', '<|im_end|>']);
    const architecture = rewardModel(decoder({ ...sizes, context: 64, vocabularySize: tokenizer.size }));
    const judging = { architecture, weights: architecture.init(key(2)) };
    const chat = bind(chatMl, tokenizer);
    const { tokens } = chat.example(
      conversation(chatMl, [
        { role: 'user', content: '2 2?' },
        { role: 'assistant', content: '4' },
      ]),
    );
    const [wanted] = await textScorer(judging, { target: 'graph' })([tokens]);
    const judge = rewardJudge(judging, chat, { target: 'graph' });
    const sample = { completion: '4', prompt: '2 2?' };
    const turns = { completion: '4', prompt: [{ role: 'user', content: '2 2?' }] };
    expect(await judge.judge([sample, turns])).toEqual([wanted?.reward, wanted?.reward]);
    await expect(judge.judge([{ ...turns, prompt: [{ role: 'assistant', content: '2' }] }])).rejects.toThrow(
      /rewardJudge: sample 0: turn 0 is not in the order/,
    );
  });
});

it('a run keeps it as an artifact', () => {
  expect(codecs.filter((codec) => codec.is(model))).toEqual([rewardModelCodec]);
  const { facts } = rewardModelCodec.summarise(model);
  expect(facts['reward']).toBe('0.500 factuality + 0.300 safety + 0.200 fluency');
});
