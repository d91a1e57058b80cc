import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgePairs } from '../../../src/evaluate/scored-pairs.js';
import { rankingAccuracy } from '../../../src/evaluate/ranking-accuracy.js';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { encoder } from '../../../src/model/encoder.js';
import { lora } from '../../../src/model/lora.js';
import { loadModel, weightHash } from '../../../src/model/model.js';
import { rewardModel } from '../../../src/model/reward-model.js';
import type { RewardModel } from '../../../src/model/reward-model.js';
import { textScorer } from '../../../src/model/score-texts.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import type { PreferencePair } from '../../../src/tokens/preference/preference-pair.js';
import { rankedInOrder, rankedPair } from '../../../src/tokens/preference/ranked-answers.js';
import type { RankedAnswers, RankedBatch } from '../../../src/tokens/preference/ranked-answers.js';
import { rankedBradleyTerry } from '../../../src/train/objectives/preference/index.js';
import { trainRewardModel } from '../../../src/train/recipes/train-reward-model.js';
import type { TrainRewardModelOptions } from '../../../src/train/recipes/train-reward-model.js';
import { expectClose } from '../../model/close.js';
import { descend } from '../objectives/descent.js';
import { twoMembers } from '../two-members.js';

interface Case {
  readonly loss: number;
  readonly gradients: Readonly<Record<'norm' | 'firstNorm' | 'query' | 'score', number[] | number[][]>>;
}
/** Made by fixtures/reward_trainer.py with TRL's RewardTrainer. */
const trl = JSON.parse(readFileSync(new URL('../fixtures/reward_trainer.json', import.meta.url), 'utf8')) as Readonly<{
  pairs: readonly PreferencePair[];
  margins: readonly number[];
  score: readonly number[];
  rewards: Readonly<Record<'chosen' | 'rejected', readonly number[]>>;
  plain: Case;
  full: Case & { readonly centring: number };
}>;

const batchOf = (rankings: readonly RankedAnswers[], dimensions: readonly string[]): RankedBatch => {
  const [batch] = rankedInOrder(rankings, { context: 16, padding: 0, dimensions }, rankings.length);
  if (batch === undefined) throw new Error('no batch');
  return batch;
};

describe('TRL’s RewardTrainer', async () => {
  const { architecture: trunk, weights } = await loadModel(
    fileURLToPath(new URL('../../model/fixtures/llama', import.meta.url)),
  );
  const architecture = rewardModel(trunk);
  const head = { output: { weight: tf.tensor2d([...trl.score], [16, 1]), bias: tf.zeros([1]) } };
  const model: RewardModel = { architecture, weights: { trunk: weights, heads: { reward: head } } };
  const rankings = trl.pairs.map((pair) => rankedPair(pair, 'reward'));
  const withMargins = rankings.map((ranking, place) => ({ ...ranking, margin: trl.margins[place] ?? 0 }));
  const paths = {
    norm: 'trunk.norm.weight',
    firstNorm: 'trunk.layers.0.attentionNorm.weight',
    query: 'trunk.layers.0.attention.query.weight',
    score: 'heads.reward.output.weight',
  };

  it('has the same rewards', async () => {
    for (const side of ['chosen', 'rejected'] as const) {
      const texts = trl.pairs.map((pair) => [...Array.from(pair.prompt), ...Array.from(pair[side])]);
      const found = await textScorer(model, { target: 'graph' })(texts);
      expectClose(
        found.map(({ reward }) => reward),
        trl.rewards[side],
        1e-5,
      );
    }
  });

  it.each([
    ['plain', trl.plain, {}, rankings, {}],
    ['with margins and centring', trl.full, { centring: trl.full.centring }, withMargins, {}],
    ['the same, a pair at a time', trl.full, { centring: trl.full.centring }, withMargins, { microBatch: 1 }],
  ])('has the same loss and gradients: %s', async (_, { loss, gradients }, options, rows, computing) => {
    const objective = rankedBradleyTerry(options)(architecture);
    const found = await descend(objective, model.weights, batchOf(rows, ['reward']), computing);
    expect(Math.abs(found.result.loss - loss)).toBeLessThan(1e-5);
    for (const [name, path] of Object.entries(paths)) {
      expectClose(found.gradients.get(path) ?? [], gradients[name as keyof typeof paths].flat(), 1e-4);
    }
  });
});

const small = decoder({ layers: 1, width: 16, heads: 2, context: 12, vocabularySize: 24 });
const trunk = { architecture: small, weights: small.init(key(1)) };

describe('rankings', () => {
  const dimensions = ['a', 'b'];
  const architecture = rewardModel(small, { dimensions });
  const weights = architecture.init(key(2));
  const three: RankedAnswers = {
    prompt: [2, 3],
    answers: [
      [4, 1],
      [5, 6, 1],
      [7, 1],
    ],
    ranks: { a: [0, 2, 1] },
  };

  it('the loss is the mean over the pairs of a ranking: by hand', async () => {
    const rewards = await textScorer(
      { architecture, weights },
      { target: 'graph' },
    )(three.answers.map((answer) => [...Array.from(three.prompt), ...Array.from(answer)]));
    const [first = 0, last = 0, middle = 0] = rewards.map(({ dimensions: of }) => of['a'] ?? NaN);
    const unlikely = (difference: number): number => Math.log(1 + Math.exp(-difference));
    const wanted = (unlikely(first - middle) + unlikely(first - last) + unlikely(middle - last)) / 3;
    const { result } = await descend(rankedBradleyTerry()(architecture), weights, batchOf([three], dimensions));
    expect(result.loss).toBeCloseTo(wanted, 5);
    const hits = [first > middle, first > last, middle > last].filter(Boolean).length / 3;
    expect(result.watched['accuracy']).toBeCloseTo(hits, 6);
    expect(result.watched['accuracy.a']).toBeCloseTo(hits, 6);
  });

  it('a ranking counts once, however many answers it has, and moves the head of its dimension alone', async () => {
    const two: RankedAnswers = {
      prompt: [8],
      answers: [
        [9, 1],
        [10, 1],
      ],
      ranks: { a: [1, 0] },
    };
    const loss = rankedBradleyTerry()(architecture);
    const of = async (rankings: readonly RankedAnswers[]): Promise<number> =>
      (await descend(loss, weights, batchOf(rankings, dimensions))).result.loss;
    const both = await descend(loss, weights, batchOf([three, two], dimensions));
    expect(both.result.loss).toBeCloseTo(((await of([three])) + (await of([two]))) / 2, 5);
    const largest = (path: string): number => Math.max(...(both.gradients.get(path) ?? [NaN]).map(Math.abs));
    expect(largest('heads.a.output.weight')).toBeGreaterThan(1e-3);
    expect(largest('heads.b.output.weight')).toBe(0);
  });
});

/** Of two numbers the smaller is the more factual answer; the even one is the safer, whatever its size. */
const numbers = Array.from({ length: 20 }, (_, place) => place + 4);
const all = numbers.flatMap((a) =>
  numbers.flatMap((b): RankedAnswers[] =>
    a === b
      ? []
      : [
          {
            prompt: [2, a, b, 3],
            answers: [
              [a, 1],
              [b, 1],
            ],
            ranks: { factuality: a < b ? [0, 1] : [1, 0], ...((a + b) % 2 === 1 && { safety: [a % 2, b % 2] }) },
          },
        ],
  ),
);
const unseen = all.filter((_, place) => place % 8 === 3);
const rankings = all.filter((_, place) => place % 8 !== 3);
const settings: TrainRewardModelOptions = {
  rankings: rankings.slice(0, 40),
  dimensions: { factuality: 0.7, safety: 0.3 },
  batchSize: 8,
  steps: 6,
  learningRate: 1e-2,
  key: key(3),
  target: 'graph',
};
const hashOf = ({ weights }: RewardModel): Promise<string> =>
  weightHash({ architecture: small, weights: weights.trunk as DecoderWeights });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reward-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('trainRewardModel', () => {
  it('learns several dimensions at once, on prompts that it has not seen too', async () => {
    const rows: Record<string, number>[] = [];
    const judge = await trainRewardModel(trunk, {
      ...settings,
      rankings,
      heldOut: { rankings: unseen },
      steps: 80,
      evaluateEvery: 80,
      metrics: (_, row) => rows.push(row),
    });
    const { dimensions } = rankingAccuracy(await judgePairs(judge, unseen, { target: 'graph' }));
    expect(dimensions['factuality']?.accuracy).toBeGreaterThan(0.9);
    expect(dimensions['safety']?.accuracy).toBeGreaterThan(0.9);
    const measured = rows.find((row) => row['heldOut.accuracy'] !== undefined);
    expect(measured?.['heldOut.accuracy.safety']).toBeCloseTo(dimensions['safety']?.accuracy ?? NaN, 5);
  });

  it('from pairs, with an adapter beside the trunk; and on an encoder', async () => {
    const pairs: PreferencePair[] = numbers.slice(1).map((a) => ({ prompt: [2], chosen: [4, 1], rejected: [a, 1] }));
    const { rankings: _none, dimensions: _two, ...rest } = settings;
    const adapter = lora({ rank: 2, targets: 'all-linear' });
    const losses: number[] = [];
    const given = {
      ...rest,
      pairs,
      steps: 20,
      metrics: (_: number, row: Record<string, number>) => losses.push(row['loss'] ?? NaN),
    };
    const judge = await trainRewardModel(trunk, { ...given, adapter });
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? NaN) / 2);
    expect(judge.architecture.dimensions).toEqual(['reward']);
    // The merged trunk is a plain one that says the same.
    const [chosen, rejected] = await textScorer(judge, { target: 'graph' })([
      [2, 4, 1],
      [2, 9, 1],
    ]);
    expect(chosen?.reward).toBeGreaterThan(rejected?.reward ?? NaN);
    const reader = encoder({ layers: 1, width: 16, heads: 2, context: 12, vocabularySize: 24 });
    losses.length = 0;
    await trainRewardModel({ architecture: reader, weights: reader.init(key(1)), heads: {} }, given);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? NaN) / 2);
    await expect(
      trainRewardModel({ architecture: reader, weights: reader.init(key(1)), heads: {} }, { ...given, adapter }),
    ).rejects.toThrow(/an encoder has no adapter/);
  });

  it('goes on exactly where it was interrupted', async () => {
    const whole = await hashOf(await trainRewardModel(trunk, settings));
    const stop = new AbortController();
    const checkpoints = join(folder, 'checkpoints');
    const given = { ...settings, checkpoints, checkpointEvery: 2 };
    const on: TrainRewardModelOptions['on'] = (event) => {
      if (event.type === 'step' && event.step === 4) stop.abort();
    };
    await expect(trainRewardModel(trunk, { ...given, signal: stop.signal, on })).rejects.toThrow('after step 4');
    expect(await hashOf(await trainRewardModel(trunk, given))).toBe(whole);
  });

  it('two processes take the steps of one', async () => {
    const run = async (group?: TrainRewardModelOptions['group']): Promise<Record<string, number>[]> => {
      const rows: Record<string, number>[] = [];
      const metrics = (_: number, row: Record<string, number>) => rows.push(row);
      await trainRewardModel(trunk, { ...settings, metrics, ...(group && { group }) });
      return rows;
    };
    const alone = await run();
    const [first] = await Promise.all(twoMembers().map((group) => run(group)));
    for (const [place, row] of alone.entries()) {
      for (const name of ['loss', 'gradientNorm', 'accuracy.safety', 'margin']) {
        expect(Math.abs((first?.[place]?.[name] ?? NaN) - (row[name] ?? NaN)), `${name} ${place}`).toBeLessThan(1e-5);
      }
    }
  });

  it.each<[string, Partial<TrainRewardModelOptions>, RegExp]>([
    ['nothing to learn from', { rankings: [] }, /trainRewardModel: there are no rankings/],
    ['another dimension', { dimensions: ['factuality'] }, /ranking 0 cannot be learned/],
    ['all equal', { rankings: [{ prompt: [1], answers: [[1], [2]], ranks: { safety: [0, 0] } }] }, /none better/],
    ['a rank too few', { rankings: [{ prompt: [1], answers: [[1], [2]], ranks: { safety: [0] } }] }, /1 ranks of 2/],
    [
      'an empty answer',
      { rankings: [{ prompt: [1], answers: [[1], []], ranks: { safety: [0, 1] } }] },
      /answer 1 of ranking 0/,
    ],
    [
      'a text that is too long',
      { heldOut: { pairs: { safety: [{ prompt: [1], chosen: numbers, rejected: [1] }] } } },
      /heldOut: answer 0 of ranking 0 does not fit/,
    ],
    ['an option', { learningRate: 0 }, /trainRewardModel: .*learningRate/],
  ])('refuses, before it trains: %s', async (_, given, message) => {
    await expect(trainRewardModel(trunk, { ...settings, ...given })).rejects.toThrow(message);
  });
});
