import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Model } from '../../../src/model/model.js';
import { judgeAnswers } from '../../../src/train/reinforce/judge.js';
import type { RewardSample } from '../../../src/train/reinforce/reward.js';
import { exactAnswer } from '../../../src/train/reinforce/verifiable-rewards.js';
import { grpo } from '../../../src/train/recipes/reinforcement/grpo.js';
import { ppo } from '../../../src/train/recipes/reinforcement/ppo.js';
import { reinforce } from '../../../src/train/recipes/reinforce.js';
import type { ReinforceOptions } from '../../../src/train/recipes/reinforce.js';
import { chat, problems, template, tinyModel } from './tiny-chat.js';
import { twoMembers } from '../two-members.js';

const model = tinyModel();
const base = {
  chat,
  problems,
  rewards: { correct: exactAnswer() },
  method: grpo({ groupSize: 2 }),
  maxTokens: 3,
  steps: 2,
  batchSize: 2,
  learningRate: 1e-3,
  key: key(5),
  target: 'graph',
} as const;
type Options = Partial<ReinforceOptions<typeof template.order, string, string>>;
const trained = (options: Options): Promise<Model> =>
  reinforce<typeof template.order, string, string>(model, { ...base, ...options });

describe('what is wrong is said before training', () => {
  it.each<[string, Options, string]>([
    ['no problems', { problems: [] }, 'problems: there are none'],
    ['a prompt without room', { maxTokens: 9 }, 'problem 0 leaves no room for an answer'],
    ['a held-out prompt without room', { heldOut: problems, maxTokens: 9 }, 'leaves no room'],
    ['turns that ask for nothing', { problems: [{ prompt: [], answer: '' }] }, 'no answer is due at the end'],
    ['temperature 0', { temperature: 0 }, 'temperature is out of range'],
    ['no token', { maxTokens: 0 }, 'maxTokens is out of range'],
    ['no reward', { rewards: {} }, 'there is no reward'],
    ['steps that part the updates', { method: grpo({ updates: 2 }), steps: 3 }, 'a multiple of 2, the updates of grpo'],
    [
      'a buffer too long',
      { method: ppo({ updates: 2, overlong: { buffer: 4 } }) },
      'overlong.buffer is longer than an answer',
    ],
    ['uneven pieces', { microBatch: 3 }, '4 rows in pieces of 3'],
    [
      'an evaluation between updates',
      { method: ppo({ updates: 2 }), evaluateEvery: 3 },
      'plan.evaluateEvery falls between',
    ],
    [
      'a reward of nothing',
      { rewards: { length: ({ completion }) => 1 / completion.length } },
      'reward length of sample 0 is no finite',
    ],
    [
      'a judge of too many',
      { rewards: { judge: { judge: () => Promise.resolve([1, 2]) } } },
      'reward judge does not judge each',
    ],
    [
      'other problems in two processes',
      { method: grpo({ dynamicSampling: { draws: 2 } }), group: twoMembers()[0] },
      'several processes cannot try',
    ],
  ])('%s', async (_, options, message) => {
    await expect(trained(options)).rejects.toThrow(message);
  });

  it('a chat of another tokenizer', async () => {
    const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 12, vocabularySize: 14 });
    const other = { architecture, weights: architecture.init(key(1)) };
    await expect(reinforce(other, base)).rejects.toThrow('no embeddings for special tokens');
  });

  it('a group of one, and options that are none', () => {
    expect(() => grpo({ groupSize: 1 })).toThrow('a group has at least 2 answers');
    // @ts-expect-error there is no such option
    expect(() => grpo({ group: 8 })).toThrow('group');
    expect(() => ppo({ discount: 2 })).toThrow('discount');
  });

  it('types: answers are the rewards’ own, weights those of the rewards', () => {
    const options = {
      ...base,
      problems: problems.map(({ prompt }) => ({ prompt, answer: 7 })),
    };
    // @ts-expect-error exactAnswer reads texts, these answers are numbers
    expect(() => reinforce(model, options)).toBeTypeOf('function');
    // @ts-expect-error there is no such reward
    expect(() => reinforce(model, { ...base, weights: { wrong: 1 } })).toBeTypeOf('function');
    const ofSystem = [{ prompt: [{ role: 'system', content: '' } as const], answer: '' }];
    // @ts-expect-error the template has no such role
    expect(() => reinforce(model, { ...base, problems: ofSystem })).toBeTypeOf('function');
  });
});

describe('a reward that goes wrong while training is named with the step and the sample', { timeout: 300_000 }, () => {
  it.each<[string, () => number, string]>([
    ['is no number', () => NaN, 'is no finite number'],
    ['throws', () => { throw new Error('broken'); }, 'has thrown'], // prettier-ignore
  ])('%s', async (_, wrong, message) => {
    const rewards = { odd: ({ completion }: { readonly completion: string }) => (completion === '' ? 0 : wrong()) };
    await expect(trained({ rewards })).rejects.toThrow(
      new RegExp(`reinforce, step 1: reward odd of sample \\d+ ${message}`),
    );
  });
});

describe('judgeAnswers', () => {
  const samples = ['4', '', '44'].map((completion) => ({ prompt: '2+2', completion, answer: '4' }));

  it('has functions and judges, each in the order of the samples', async () => {
    const length = {
      judge: (all: readonly RewardSample[]) => Promise.resolve(all.map(({ completion }) => completion.length)),
    };
    expect(await judgeAnswers({ correct: exactAnswer(), length }, samples)).toEqual({
      correct: [1, 0, 0],
      length: [1, 0, 2],
    });
  });

  it('names what a judge could not say', async () => {
    const broken = { judge: () => Promise.reject(new Error('no such model')) };
    await expect(judgeAnswers({ broken }, samples)).rejects.toThrow(/reward broken has thrown[^]*no such model/);
    const silent = { judge: () => Promise.resolve([1, NaN, 1]) };
    await expect(judgeAnswers({ silent }, samples)).rejects.toThrow('reward silent of sample 1 is no finite number');
  });
});
