import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { fold, key, uniformNumbers } from '../../../src/engine/key.js';
import * as tf from '@tensorflow/tfjs';
import { decoder } from '../../../src/model/decoder.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import type { Rollouts, startRollouts } from '../../../src/model/rollout.js';
import { tokenChooser } from '../../../src/model/choose-token.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { characterTokenizer } from '../../../src/tokens/characters.js';
import { bind } from '../../../src/tokens/chat.js';
import { chatTemplate, special } from '../../../src/tokens/chat-template.js';
import { parseConversation } from '../../../src/tokens/conversation.js';
import { END_OF_TEXT } from '../../../src/tokens/tokenizer.js';
import { fineTune } from '../../../src/train/recipes/fine-tune.js';
import { improveBy } from '../../../src/train/recipes/self-improve.js';
import type { SelfImproved, SelfImproveOptions } from '../../../src/train/recipes/self-improve.js';
import { keepAnswers } from '../../../src/train/recipes/self-improvement/keep-answers.js';
import type { ScoredAnswer } from '../../../src/train/recipes/self-improvement/keep-answers.js';
import { bestRound, improvementFigure } from '../../../src/train/recipes/self-improvement/rounds.js';
import type { ImprovementRound } from '../../../src/train/recipes/self-improvement/rounds.js';
import { writeAnswers } from '../../../src/train/recipes/self-improvement/write-answers.js';
import { exactAnswer } from '../../../src/train/reinforce/verifiable-rewards.js';
import { twoMembers } from '../two-members.js';

describe('what is kept of answers', () => {
  const answer = (problem: number, completion: string, score = 1) => ({ problem, completion, score });

  it('are right ones, each once, at most n a problem: by hand', () => {
    const answers = [
      answer(1, '7 + 5 = 12'),
      answer(0, 'it is 4'),
      answer(1, '12'),
      answer(1, '13', 0),
      answer(1, ' 7 + 5  = 12\n'), // the first again, but for white space
      answer(1, 'twelve is 12'),
    ];
    expect(keepAnswers(answers, { perProblem: 2 })).toEqual({
      verified: 5,
      distinct: 4,
      solved: 2,
      kept: [answer(0, 'it is 4'), answer(1, '7 + 5 = 12'), answer(1, '12')],
    });
    const shortest = keepAnswers(answers, { perProblem: 1, prefer: 'shortest' }).kept;
    expect(shortest.map(({ completion }) => completion)).toEqual(['it is 4', '12']);
    const equations = keepAnswers(answers, { sameAs: (text) => text.replace(/[^\d+=]/gu, '') }); // 'twelve is 12' is '12'
    expect(equations.distinct).toBe(3);
    const graded = [answer(0, 'a', 0.4), answer(0, 'b', 0.9), answer(0, 'c', 0.7)];
    const best = keepAnswers(graded, { atLeast: 0.5, perProblem: 1, prefer: 'best' });
    expect(best).toMatchObject({ verified: 2, kept: [answer(0, 'b', 0.9)] });
  });

  it('whatever comes: in bounds, distinct, and all of it if there is room', () => {
    const some = fc.record({
      problem: fc.nat(3),
      completion: fc.constantFrom<string[]>('a', 'b', ' a', 'c c', 'c  c'),
      score: fc.constantFrom<number[]>(0, 0.5, 1),
    });
    const preferences = fc.constantFrom('drawn', 'shortest', 'best');
    fc.assert(
      fc.property(fc.array(some), fc.integer({ min: 1, max: 4 }), preferences, (answers, perProblem, prefer) => {
        const { verified, distinct, solved, kept } = keepAnswers(answers, { perProblem, prefer, atLeast: 0.5 });
        const names = kept.map(({ problem, completion }) => `${problem} ${completion.trim().replace(/\s+/g, ' ')}`);
        expect(new Set(names).size).toBe(names.length);
        expect(kept.every((one) => (answers as readonly ScoredAnswer[]).includes(one) && one.score >= 0.5)).toBe(true);
        for (let problem = 0; problem < 4; problem++) {
          expect(kept.filter((one) => one.problem === problem).length).toBeLessThanOrEqual(perProblem);
        }
        expect(verified).toBeGreaterThanOrEqual(distinct);
        expect(distinct).toBeGreaterThanOrEqual(kept.length);
        expect(solved).toBe(new Set(answers.filter(({ score }) => score >= 0.5).map(({ problem }) => problem)).size);
        if (perProblem >= 3) expect(kept.length).toBe(distinct); // there are three different texts
      }),
      { seed: 4 },
    );
  });
});

it('answers are the same whether one process writes them or two share the prompts', async () => {
  // Each answer shows its prompt, its place in the call and the key.
  const rollouts: Rollouts<null> = {
    write: (_weights, prompts, key) =>
      Promise.resolve(
        prompts.map((prompt, place) => ({
          tokens: Int32Array.of(prompt[0] ?? 0, place, key.words[0] & 0xffff).slice(0, 1 + (place % 3)),
          logProbabilities: new Float32Array(1 + (place % 3)),
          stopped: place % 2 === 0,
        })),
      ),
    dispose: () => undefined,
  };
  const prompts = Array.from({ length: 7 }, (_, index) => Int32Array.of(100 + index));
  for (const promptsAtOnce of [1, 2, 5, 9]) {
    const writing = { rollouts, weights: null, prompts, each: 3, maxTokens: 4, promptsAtOnce, key: key(1) };
    const alone = await writeAnswers(writing);
    const both = await Promise.all(twoMembers().map((group) => writeAnswers({ ...writing, group })));
    expect(both).toEqual([alone, alone]);
    expect(alone.map((own) => own.map(({ tokens }) => tokens[0]))).toEqual(
      prompts.map(([first]) => [first, first, first]),
    );
  }
});

/** Two digits are asked, and the second is to be said: `47=7`. */
const tokenizer = characterTokenizer({ documents: [{ text: '0123456789=' }] });
const order = { first: ['user'], next: { user: ['model'], model: [] }, answer: 'model' } as const;
const template = chatTemplate({
  name: 'digits',
  order,
  turns: { user: { before: [], after: ['='] } },
  answer: { before: [], stop: special(END_OF_TEXT), after: [] },
});
const chat = bind(template, tokenizer);
const problem = (number: number) => ({
  prompt: [{ role: 'user', content: String(number).padStart(2, '0') }] as const,
  answer: String(number % 10),
});
const numbers = Array.from({ length: 100 }, (_, index) => index);
const problems = numbers.map(problem);
/** Some of the same: a model this small learns by heart, and what is tested is that it learns what it is given. */
const heldOut = numbers.filter((number) => number % 3 === 0).map(problem);

/** A model that says the first digit, and sometimes the second. */
async function misled(): Promise<Model> {
  const architecture = decoder({ layers: 1, width: 32, heads: 2, context: 8, vocabularySize: tokenizer.size });
  const luck = uniformNumbers(key(3), 100);
  const rows = numbers.map((number, index) => {
    const content = String((luck[index] ?? 0) < 0.25 ? number % 10 : Math.floor(number / 10));
    return parseConversation(template, [...problem(number).prompt, { role: 'model', content }]);
  });
  const training = { epochs: 8, batchSize: 10, learningRate: 1e-2, key: key(4), target: 'graph' } as const;
  return fineTune({ architecture, weights: architecture.init(key(1)) }, { chat, data: rows, ...training });
}

/**
 * Answers as `startRollouts` writes them, by the whole forward pass at each token and without compiling, since prompts here have three tokens.
 */
const writing: typeof startRollouts = (policy, { maxTokens, stops, temperature = 1 }) => ({
  write: async (weights, prompts, key) => {
    const choose = tokenChooser({ temperature });
    const rows = prompts.map((prompt) => Array.from(prompt));
    const open = new Set(rows.keys());
    for (let place = 0; place < maxTokens && open.size > 0; place++) {
      const logits = tf.tidy(() => {
        const inputs = tf.tensor2d(
          rows.map((row) => Array.from({ length: 8 }, (_, place) => row[place] ?? 0)),
          [rows.length, 8],
          'int32',
        );
        return policy.architecture.forward(weights as DecoderWeights, inputs);
      });
      const numbers = await logits.data();
      logits.dispose();
      const size = policy.architecture.config.vocabularySize;
      for (const index of open) {
        const row = rows[index] ?? [];
        const at = (index * 8 + row.length - 1) * size;
        const token = choose(numbers.slice(at, at + size) as Float32Array, fold(fold(key, index), place), row);
        row.push(token);
        if (stops.includes(token)) open.delete(index);
      }
    }
    return rows.map((row, index) => ({
      tokens: Int32Array.from(row.slice(prompts[index]?.length)),
      logProbabilities: new Float32Array(row.length - (prompts[index]?.length ?? 0)).fill(NaN), // nobody asks
      stopped: !open.has(index),
    }));
  },
  dispose: () => undefined,
});
const selfImprove = <Answer>(base: Model, options: SelfImproveOptions<typeof order, Answer>): Promise<SelfImproved> =>
  improveBy(writing, base, options);

describe('self-improvement', { timeout: 300_000 }, () => {
  let base: Model;
  let folder = '';
  beforeAll(async () => {
    base = await misled();
    folder = await mkdtemp(join(tmpdir(), 'self-improve-'));
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const options = {
    chat,
    problems,
    heldOut,
    verify: exactAnswer(),
    rounds: 2,
    patience: 2,
    answersPerProblem: 4,
    maxTokens: 3,
    epochs: 8,
    batchSize: 5,
    learningRate: 1e-2,
    checkpointEvery: 2,
    key: key(5),
    target: 'graph',
  } as const;

  it('makes a model better, keeps its lineage, and goes on exactly after interrupts between and in rounds', async () => {
    const whole = await selfImprove(base, options);
    const [first, second, third] = whole.rounds;
    expect(whole.rounds.length).toBe(3);
    expect(first).toMatchObject({ round: 0, writer: null, generated: 0, weightsHash: await weightHash(base) });
    expect(second).toMatchObject({ round: 1, writer: 0, start: 0, generated: 4 * problems.length });
    expect(third).toMatchObject({ round: 2, writer: 1, start: 0 });
    expect(whole.best.heldOutScore).toBeGreaterThan((first?.heldOutScore ?? 1) + 0.2);
    expect(await weightHash(whole.model)).toBe(whole.best.weightsHash);
    // Once it has learnt, more of its answers are right.
    expect(third?.verified).toBeGreaterThan(second?.verified ?? Infinity);
    const figure = improvementFigure(whole.rounds);
    expect(figure.data[0]).toMatchObject({ y: whole.rounds.map(({ heldOutScore }) => heldOutScore) });

    const interrupted = (stops: (stop: AbortController) => Partial<SelfImproveOptions<typeof order, string>>) => {
      const stop = new AbortController();
      return selfImprove(base, { ...options, checkpoints: folder, signal: stop.signal, ...stops(stop) });
    };
    // After round 1, before the answers of round 2 are written.
    const between = interrupted((stop) => ({
      onRound: ({ round }) => {
        if (round === 1) stop.abort();
      },
    }));
    await expect(between).rejects.toThrow('abort');
    // In the training of round 2.
    const within = interrupted((stop) => ({
      on: (event) => {
        if (event.type === 'step') stop.abort();
      },
    }));
    await expect(within).rejects.toThrow('interrupted after step');
    const done: number[] = [];
    const resumed = await selfImprove(base, {
      ...options,
      checkpoints: folder,
      onRound: ({ round }) => done.push(round),
    });
    expect(done).toEqual([2]);
    expect(resumed.rounds).toEqual(whole.rounds);
    expect(await weightHash(resumed.model)).toBe(await weightHash(whole.model));
    const again = await selfImprove(base, { ...options, checkpoints: folder }); // all is done
    expect(again.rounds).toEqual(whole.rounds);
    expect(await weightHash(again.model)).toBe(await weightHash(whole.model));
    await expect(selfImprove(base, { ...options, checkpoints: folder, maxTokens: 2 })).rejects.toThrow(
      'other problems',
    );
  });

  it('trains on the model of the round before, and stops when the score does not rise', async () => {
    const { rounds, best } = await selfImprove(base, {
      ...options,
      start: 'last',
      rounds: 6,
      patience: 1,
      epochs: 1,
      learningRate: 1e-9, // learns nothing
    });
    expect(rounds.map(({ round, start }) => [round, start])).toEqual([
      [0, null],
      [1, 0],
    ]);
    expect(best.round).toBe(0);
  });

  it('says what it does not take', async () => {
    const none = selfImprove(base, { ...options, verify: () => 0 });
    await expect(none).rejects.toThrow('none of the answers of round 1 is right');
    const wrong = selfImprove(base, { ...options, verify: () => NaN });
    await expect(wrong).rejects.toThrow('reward verify of sample 0 is no finite number');
    await expect(selfImprove(base, { ...options, maxTokens: 7 })).rejects.toThrow('problem 0 leaves no room');
    await expect(selfImprove(base, { ...options, heldOut: [] })).rejects.toThrow('held-out problems: there are none');
    await expect(selfImprove(base, { ...options, answersPerProblem: 0 })).rejects.toThrow('answersPerProblem');
    const stranger: SelfImproveOptions<typeof order, string>['problems'] = [
      // @ts-expect-error a role that the template does not have
      { prompt: [{ role: 'system', content: '' }], answer: '' },
    ];
    await expect(selfImprove(base, { ...options, problems: stranger })).rejects.toThrow('not in the order');
  });
});

it('the best round is the first of the best', () => {
  const round = (number: number, heldOutScore: number) => ({ round: number, heldOutScore }) as ImprovementRound;
  expect(bestRound([round(0, 0.2), round(1, 0.6), round(2, 0.6), round(3, 0.4)]).round).toBe(1);
});
