import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { answerBatch } from '../../../src/train/objectives/policy/answer-batch.js';
import { whiten } from '../../../src/train/reinforce/generalised-advantages.js';
import { gatherGroups, ownGroups } from '../../../src/train/recipes/reinforcement/gather-groups.js';
import { grpo } from '../../../src/train/recipes/reinforcement/grpo.js';
import { counted, momentsTogether, whitened } from '../../../src/train/recipes/reinforcement/moments.js';
import { encodeProblems } from '../../../src/train/recipes/problems.js';
import { problemLoader } from '../../../src/train/recipes/reinforcement/problems.js';
import type { ProblemBatch } from '../../../src/train/recipes/reinforcement/problems.js';
import { scoreGroups } from '../../../src/train/recipes/reinforcement/score-groups.js';
import { reinforce } from '../../../src/train/recipes/reinforce.js';
import { expectClose } from '../../model/close.js';
import { chat, problems, tinyModel } from './tiny-chat.js';
import { twoMembers } from '../two-members.js';

const model = tinyModel();

describe('answerBatch', () => {
  it('lays prompt and answer beside each other, one place apart: by hand', () => {
    const rows = [
      { prompt: [5, 2], tokens: [7, 1] },
      { prompt: [3], tokens: [4] },
      { prompt: [9, 8, 6], tokens: [1], counts: false },
    ];
    // The longest has 4 tokens; of 10 a quarter is 3, so rows are of 6, and inputs and targets of 5.
    const { inputs, targets, mask, time } = answerBatch(rows, 10);
    expect(time).toBe(5);
    expect([...inputs]).toEqual([5, 2, 7, 0, 0, 3, 0, 0, 0, 0, 9, 8, 6, 0, 0]);
    expect([...targets]).toEqual([2, 7, 1, 0, 0, 4, 0, 0, 0, 0, 8, 6, 1, 0, 0]);
    expect([...mask]).toEqual([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(answerBatch(rows, 4).time).toBe(3);
  });
});

describe('problems', () => {
  const encoded = encodeProblems('problem', chat, problems, { architecture: model.architecture, maxTokens: 3 });
  const batches = (options: object, draws = 1): ReturnType<typeof problemLoader> =>
    problemLoader(encoded, { batchSize: 4, key: key(2), ...options }, draws);

  it('are each seen once an epoch, and shared by processes place by place', () => {
    const whole = batches({});
    const parts = [0, 1].map((index) => batches({ reader: { index, count: 2 } }));
    const seen: number[] = [];
    for (let number = 0; number < 2; number++) {
      const all = whole.next();
      const shared = parts.map((part) => part.next());
      expect(all.places).toEqual([0, 1, 2, 3]);
      expect(shared.map(({ places }) => places)).toEqual([
        [0, 2],
        [1, 3],
      ]);
      const joined: ProblemBatch['rows'] = all.rows.map(
        (_, place) => shared[place % 2]?.rows[Math.floor(place / 2)] ?? NaN,
      );
      expect(joined).toEqual(all.rows);
      seen.push(...all.rows);
    }
    expect(seen.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const resumed = batches({ cursor: batches({}).cursor });
    expect(resumed.next().rows).toEqual(batches({}).next().rows);
  });

  it('are read several at a time for dynamic sampling: the epoch is as much shorter', () => {
    const drawing = batches({}, 2);
    expect(drawing.numRows).toBe(4);
    expect(drawing.next().rows).toHaveLength(8);
    expect(drawing.cursor).toEqual({ epoch: 1, row: 0 });
  });
});

describe('several processes', () => {
  it('know the numbers of all groups, in their order', async () => {
    const all = [[[1], [2]], [[3], [4]], [[5], [6]], [[7], [8]]]; // prettier-ignore
    const gathered = await Promise.all(twoMembers().map((group) => gatherGroups(ownGroups(all, group), group)));
    expect(gathered).toEqual([all, all]);
    expect(await gatherGroups(all, undefined)).toBe(all);
  });

  it('whiten as one does, and as `whiten`', async () => {
    const x = Float32Array.from([1, 5, -2, 100, 3, 0.5]);
    const mask = Float32Array.from([1, 1, 1, 0, 1, 1]);
    const [one] = await momentsTogether([counted(x, mask)], undefined);
    const both = await Promise.all(
      twoMembers().map((group) => {
        const [from, to] = group.index === 0 ? [0, 2] : [2, 6];
        return momentsTogether([counted(x.slice(from, to), mask.slice(from, to))], group);
      }),
    );
    if (one === undefined) throw new Error('no moments');
    for (const [moments] of both) {
      expect(moments?.count).toBe(one.count);
      expect(moments?.mean).toBeCloseTo(one.mean, 6);
      expect(moments?.variance).toBeCloseTo(one.variance, 5);
    }
    const expected = whiten(tf.tensor2d(x, [2, 3]), tf.tensor2d(mask, [2, 3]));
    expectClose(whitened(x, mask, one), expected.dataSync(), 1e-6);
  });
});

describe('scores', () => {
  const answer = (length: number, correct: number, stopped = true) => ({
    problem: 0,
    prompt: Int32Array.of(1),
    tokens: new Int32Array(length),
    stopped,
    sample: { prompt: '', completion: '', answer: '' },
    rewards: { correct },
  });

  it('are weighed, and too long answers lose: by hand', async () => {
    const groups = [[answer(2, 1), answer(4, 1, false)]];
    const plain = await scoreGroups(groups, { weights: { correct: 2 }, maxTokens: 4 });
    expect(plain).toMatchObject({ totals: [[2, 2]], numTokens: [[2, 4]], stopped: [[1, 0]] });
    // Free up to 4 − 3 = 1 token, then a third for each: −1/3 and −1.
    const { totals, rewards } = await scoreGroups(groups, { weights: { correct: 2 }, maxTokens: 4, overlongBuffer: 3 });
    expectClose(totals.flat(), [2 - 1 / 3, 1], 1e-12);
    expect(Object.keys(rewards)).toEqual(['correct', 'overlong']);
  });
});

describe('GRPO’s choices', { timeout: 600_000 }, () => {
  /** The rows of metrics of two steps; a 7 earns 1, and problems that begin with an even digit earn nothing. */
  const rows = async (method: ReturnType<typeof grpo>): Promise<Record<string, number>[]> => {
    const found: Record<string, number>[] = [];
    await reinforce(model, {
      chat,
      problems,
      rewards: {
        seven: ({ prompt, completion }) => (Number(prompt[0]) % 2 === 1 && completion.includes('7') ? 1 : 0),
      },
      method,
      maxTokens: 3,
      steps: 2,
      batchSize: 2,
      learningRate: 1e-3,
      key: key(5),
      target: 'graph',
      metrics: (step, row) => {
        found[step - 1] = { ...found[step - 1], ...row };
      },
    });
    return found;
  };

  it('dynamic sampling tries other problems in place of groups that teach nothing', async () => {
    const plain = await rows(grpo({ groupSize: 12 }));
    const dynamic = await rows(grpo({ groupSize: 12, dynamicSampling: { draws: 4 } }));
    // Half of the problems never vary: of 2 that are written plainly some teach nothing, of up to 8 tried ones 2 that do are kept.
    expect(Math.min(...plain.map((row) => row['varyingGroups'] ?? NaN))).toBeLessThan(1);
    expect(dynamic[0]?.['varyingGroups']).toBeGreaterThan(0);
    expect(dynamic[0]?.['gradientNorm']).toBeGreaterThan(0);
  });

  it('answers that are cut off teach nothing, if so asked', async () => {
    const [first] = await rows(grpo({ groupSize: 4, overlong: 'leave out', mean: 'answers' }));
    expect(first?.['stopped']).toBeLessThan(1);
    expect(Number.isFinite(first?.['loss'])).toBe(true);
  });
});
