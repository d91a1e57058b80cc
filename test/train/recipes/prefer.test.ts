import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { tokenScorer } from '../../../src/model/log-probabilities.js';
import { lora } from '../../../src/model/lora.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import type { JudgedAnswer } from '../../../src/tokens/preference/judged-answers.js';
import type { PreferencePair } from '../../../src/tokens/preference/preference-pair.js';
import { dpo, ipo, kto, orpo, simpo, storeReference } from '../../../src/train/objectives/preference/index.js';
import { prefer } from '../../../src/train/recipes/prefer.js';
import type { PreferOptions, PreferPairs, PreferSettings } from '../../../src/train/recipes/prefer.js';
import { twoMembers } from '../two-members.js';

const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 12, vocabularySize: 24 });
const model: Model = { architecture, weights: architecture.init(key(1)) };

/** To a question of two numbers the better answer says the smaller of them, the other one says the larger; 1 ends both. */
const pairOf = (a: number, b: number): PreferencePair => ({
  prompt: [2, a, b, 3],
  chosen: [Math.min(a, b), 1],
  rejected: [Math.max(a, b), 1],
});
const numbers = Array.from({ length: 20 }, (_, place) => place + 4);
const all = numbers.flatMap((a) => numbers.flatMap((b) => (a === b ? [] : [pairOf(a, b)])));
const isHeldOut = (_: PreferencePair, place: number): boolean => place % 8 === 3;
const unseen = all.filter(isHeldOut);
const pairs = all.filter((pair, place) => !isHeldOut(pair, place));

const settings: PreferSettings = { batchSize: 8, learningRate: 1e-2, steps: 6, key: key(3), target: 'graph' };
type Settings = Partial<PreferSettings & Pick<PreferPairs, 'pairs' | 'heldOut' | 'objective'>>;
const preferred = (given: Settings = {}): Promise<Model> =>
  prefer(model, { ...settings, pairs: pairs.slice(0, 24), objective: dpo({ beta: 0.5 }), ...given });

/** The rows of metrics of a run. */
async function rowsOf(options: Settings): Promise<Readonly<Record<string, number>>[]> {
  const rows: Readonly<Record<string, number>>[] = [];
  await preferred({ ...options, metrics: (_, row) => rows.push(row) });
  return rows;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prefer-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('prefer', () => {
  it('learns which answer is the better one, on prompts that it has not seen too', async () => {
    const rows = await rowsOf({ pairs, heldOut: unseen, steps: 60, evaluateEvery: 60 });
    const first = rows.find((row) => row['loss'] !== undefined);
    expect(first?.['loss']).toBeCloseTo(Math.LN2, 5); // the policy is the reference
    expect(first?.['margin']).toBeCloseTo(0, 5);
    const last = rows.findLast((row) => row['heldOut.ranking'] !== undefined);
    expect(last?.['heldOut.ranking']).toBeGreaterThan(0.9);
    expect(last?.['heldOut.accuracy']).toBeGreaterThan(0.9);
    expect(last?.['heldOut.margin']).toBeGreaterThan(1);
  });

  it.each([
    ['ipo', ipo({ beta: 0.5 })],
    ['simpo', simpo()],
    ['orpo', orpo({ lambda: 1 })],
    ['dpo with smoothed labels', dpo({ beta: 0.5, labelSmoothing: 0.1 })],
  ])('%s too', async (_, objective) => {
    const rows = await rowsOf({ objective, steps: 30 });
    const ranking = rows.flatMap((row) => row['ranking'] ?? []);
    const of = (some: readonly number[]): number => some.reduce((sum, one) => sum + one, 0) / some.length;
    expect(of(ranking.slice(-5))).toBeGreaterThan(of(ranking.slice(0, 3)) + 0.15);
  });

  it('the reference is the model given, another one, or numbers that the pairs bring: by numbers', async () => {
    const few = pairs.slice(0, 24);
    const whole = await weightHash(await preferred({ pairs: few }));
    const stored = await storeReference(few, tokenScorer(model, { target: 'graph' }));
    const brought = await rowsOf({ pairs: stored, steps: 2 });
    const own = await rowsOf({ pairs: few, steps: 2 });
    expect(brought[1]?.['loss']).toBeCloseTo(own[1]?.['loss'] ?? NaN, 5);
    const other: Model = { architecture, weights: architecture.init(key(2)) };
    expect(await weightHash(await preferred({ pairs: few, reference: other }))).not.toBe(whole);
    expect((await rowsOf({ pairs: few, reference: other, steps: 1 }))[0]?.['loss']).not.toBeCloseTo(Math.LN2, 3);
  });

  it('an adapter’s reference is its base: the same numbers as the base in each step', async () => {
    const adapter = lora({ rank: 2, targets: 'all-linear' });
    const given = { adapter, steps: 8, pairs: pairs.slice(0, 24) };
    const stored = await rowsOf(given);
    const inStep = await rowsOf({ ...given, objective: dpo({ beta: 0.5, reference: model }) });
    expect(stored[0]?.['loss']).toBeCloseTo(Math.LN2, 5);
    expect(stored.at(-1)?.['loss']).toBeLessThan(Math.LN2 - 0.01);
    stored.forEach((row, step) => {
      expect(Math.abs((row['loss'] ?? NaN) - (inStep[step]?.['loss'] ?? NaN))).toBeLessThan(1e-4);
    });
  });

  it('goes on exactly where it was killed', async () => {
    const whole = await weightHash(await preferred());
    const checkpoints = join(folder, 'checkpoints');
    const stop = new AbortController();
    const on: PreferSettings['on'] = (event) => {
      if (event.type === 'step' && event.step === 4) stop.abort();
    };
    const given = { checkpoints, checkpointEvery: 2 };
    await expect(preferred({ ...given, signal: stop.signal, on })).rejects.toThrow('interrupted after step 4');
    expect(await weightHash(await preferred(given))).toBe(whole);
    await expect(preferred({ ...given, objective: dpo({ beta: 0.2 }) })).rejects.toThrow(
      /a run with other data or settings/,
    );
  });

  it('two processes take the steps of one', async () => {
    const alone = await rowsOf({ heldOut: unseen.slice(0, 6), evaluateEvery: 3 });
    const [first, second] = await Promise.all(
      twoMembers().map((group) => rowsOf({ group, heldOut: unseen.slice(0, 6), evaluateEvery: 3 })),
    );
    expect(first?.length).toBe(alone.length);
    for (const [place, row] of alone.entries()) {
      for (const name of ['loss', 'gradientNorm', 'ranking', 'margin', 'heldOut.accuracy', 'heldOutLoss']) {
        if (row[name] === undefined) continue;
        expect(Math.abs((first?.[place]?.[name] ?? NaN) - row[name]), `${name} of row ${place}`).toBeLessThan(1e-5);
        expect(second?.[place]?.[name]).toBe(first?.[place]?.[name]);
      }
    }
  });
});

describe('prefer with judged answers', () => {
  const answers: readonly JudgedAnswer[] = pairs.slice(0, 40).flatMap(({ prompt, chosen, rejected }) => [
    { prompt, answer: chosen, desirable: true },
    { prompt, answer: rejected, desirable: false },
  ]);
  const judged = async (given: Partial<PreferSettings> = {}): Promise<Readonly<Record<string, number>>[]> => {
    const rows: Readonly<Record<string, number>>[] = [];
    const metrics: PreferSettings['metrics'] = (_, row) => rows.push(row);
    await prefer(model, { ...settings, answers, objective: kto({ beta: 0.5 }), ...given, metrics });
    return rows;
  };

  it('liked answers get the higher reward; the reference is the model given', async () => {
    const rows = await judged({ steps: 60 });
    expect(rows[0]?.['loss']).toBeCloseTo(0.5, 5); // 1 − σ(0)
    const last = rows.at(-1) ?? {};
    expect((last['desirableReward'] ?? 0) - (last['undesirableReward'] ?? 0)).toBeGreaterThan(0.5);
  });

  it('two processes, and pieces, take the steps of one, with one point of reference', async () => {
    const alone = await judged();
    const [first] = await Promise.all(twoMembers().map((group) => judged({ group, microBatch: 2 })));
    expect(Math.max(...alone.map((row) => row['divergence'] ?? 0))).toBeGreaterThan(1e-3);
    for (const [place, row] of alone.entries()) {
      for (const name of ['loss', 'gradientNorm', 'divergence', 'desirableReward']) {
        expect(Math.abs((first?.[place]?.[name] ?? NaN) - (row[name] ?? NaN)), `${name} ${place}`).toBeLessThan(1e-5);
      }
    }
  });
});

describe('what prefer refuses, before it trains', () => {
  const long: PreferencePair = { ...pairOf(5, 6), chosen: [5, 5, 5, 5, 5, 5, 5, 5, 1] };
  const noRoom: PreferencePair = { ...long, prompt: Array.from({ length: 12 }, () => 4) };
  it.each<[string, Settings, RegExp]>([
    ['no pairs', { pairs: [] }, /prefer: pairs: there are no pairs/],
    [
      'a pair that is too long',
      { pairs: [pairOf(4, 5), long] },
      /prefer: pairs: the chosen answer of pair 1 does not fit/,
    ],
    ['the same held out', { heldOut: [long] }, /prefer: heldOut: the chosen answer of pair 0 does not fit/],
    ['an empty answer', { pairs: [{ ...pairOf(4, 5), rejected: [] }] }, /rejected answer of pair 0 cannot be learned/],
    ['nothing left', { pairs: [noRoom], unfit: 'truncate' }, /no token of the answers of pair 0 is left/],
    ['no such token', { pairs: [pairOf(4, 24)] }, /no such token/],
    ['an option', { learningRate: -1 }, /prefer: .*learningRate/],
  ])('%s', async (_, given, message) => {
    await expect(preferred(given)).rejects.toThrow(message);
  });

  it('answers are cut if that is asked for', async () => {
    await expect(preferred({ pairs: [long], unfit: 'truncate', steps: 1 })).resolves.toBeDefined();
  });

  it('objectives of other data do not compile', () => {
    // @ts-expect-error: kto learns from judged answers
    const other: PreferOptions = { ...settings, pairs, objective: kto() };
    // @ts-expect-error: dpo learns from pairs
    const another: PreferOptions = { ...settings, answers: [], objective: dpo() };
    expect([other, another]).toHaveLength(2);
  });
});
