import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { pick, pickProbabilities } from '../../../src/data/mix/exponential-mechanism.js';
import { composed, privacyAccount } from '../../../src/data/mix/privacy-account.js';
import { selectByTarget } from '../../../src/data/mix/select-by-target.js';
import { selectPrivately } from '../../../src/data/mix/select-privately.js';
import { allocate, stratifiedSample } from '../../../src/data/mix/stratified-sample.js';
import { trainNgrams } from '../../../src/data/perplexity/train-ngrams.js';
import type { Step } from '../../../src/data/step.js';
import { fold, key } from '../../../src/engine/key.js';

const make = (count: number, domain = 'd'): Document[] =>
  Array.from({ length: count }, (_, index) =>
    document({ text: `${domain} ${index}`, source: 's', domain, language: 'en' }),
  );
const kept = async (step: Step, documents: readonly Document[]): Promise<Document[]> =>
  (await step.judge(documents)).flatMap((verdict) => ('keep' in verdict ? [verdict.keep] : []));

/** The probability of each sequence of `count` picks without replacement, by the formula. */
function sequences(
  scores: readonly number[],
  count: number,
  epsilon: number,
  sensitivity: number,
): Map<string, number> {
  const found = new Map<string, number>();
  const go = (picked: readonly number[], p: number): void => {
    if (picked.length === count) {
      found.set(picked.join(), p);
      return;
    }
    const left = [...scores.keys()].filter((index) => !picked.includes(index));
    const own = pickProbabilities(
      left.map((index) => scores[index] ?? 0),
      { epsilon, sensitivity },
    );
    left.forEach((index, at) => {
      go([...picked, index], p * (own[at] ?? 0));
    });
  };
  go([], 1);
  return found;
}

describe('the exponential mechanism', () => {
  test('picks as often as the formula says, in order, without replacement', () => {
    const scores = [0, 0.3, 1, 0.8];
    const privacy = { epsilon: 3, sensitivity: 1 };
    const expected = sequences(scores, 2, 3, 1);
    const draws = 12_000;
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw++) {
      const name = pick(scores, 2, privacy, fold(key(11), draw)).join();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    // χ² with 11 degrees of freedom is below 31.3 with probability 0.999.
    const chi = [...expected].reduce(
      (sum, [name, p]) => sum + ((counts.get(name) ?? 0) - draws * p) ** 2 / (draws * p),
      0,
    );
    expect(expected.size).toBe(12);
    expect(chi).toBeLessThan(31.3);
  });

  test('keeps e^ε between neighbours, by exact probabilities; compositions keep (ε, δ)', () => {
    const score = fc.double({ min: 0, max: 1, noNaN: true });
    const pair = fc.tuple(score, score);
    fc.assert(
      // Neighbours: each score may move by the whole sensitivity, here the clip's width.
      fc.property(
        fc.array(pair, { minLength: 3, maxLength: 5 }),
        fc.double({ min: 0.05, max: 3, noNaN: true }),
        (pairs, epsilon) => {
          const picks = 2;
          const [p, q] = [0, 1].map((side) => sequences(pairs.map((one) => one[side] ?? 0), picks, epsilon, 1)); // prettier-ignore
          const beyond = (bound: number): number =>
            [...(p ?? [])].reduce(
              (sum, [name, one]) => sum + Math.max(0, one - Math.exp(bound) * (q?.get(name) ?? 0)),
              0,
            );
          for (const [name, one] of p ?? []) {
            expect(one).toBeLessThanOrEqual(Math.exp(picks * epsilon) * (q?.get(name) ?? 0) * (1 + 1e-9));
          }
          for (const delta of [0.3, 0.05, 1e-4]) {
            for (const composition of ['advanced', 'zCDP'] as const) {
              expect(beyond(composed(composition, epsilon, picks, delta))).toBeLessThanOrEqual(delta + 1e-12);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('the inequality is tight: a mechanism of twice the ε breaks it', () => {
    const [p, q] = [
      [1, 0, 0, 0, 0, 0, 0, 0],
      [0, 1, 1, 1, 1, 1, 1, 1],
    ].map((scores) => pickProbabilities(scores, { epsilon: 2, sensitivity: 1 }));
    expect((p?.[0] ?? 0) / (q?.[0] ?? 1)).toBeGreaterThan(Math.exp(1));
    expect((p?.[0] ?? 0) / (q?.[0] ?? 1)).toBeLessThanOrEqual(Math.exp(2));
  });
});

describe('privacyAccount', () => {
  test('by hand', () => {
    expect(composed('basic', 0.1, 10, 0)).toBeCloseTo(1, 12);
    // √(2·10·ln 100)·0.1 + 10·0.1·(e^0.1 − 1)
    expect(composed('advanced', 0.1, 10, 0.01)).toBeCloseTo(0.95971 + 0.10517, 4);
    // ρ = 10·0.01/8 = 0.0125; 0.0125 + 2√(0.0125·4.60517)
    expect(composed('zCDP', 0.1, 10, 0.01)).toBeCloseTo(0.0125 + 0.47986, 4);
  });

  test('spends what it may, and no more, by the composition that allows most', () => {
    const many = privacyAccount({ epsilon: 1, delta: 1e-6, picks: 1000, sensitivity: 1 });
    expect(many.composition).toBe('zCDP');
    expect(many.epsilon).toBeLessThanOrEqual(1);
    expect(many.epsilon).toBeCloseTo(1, 9);
    expect(many.epsilonPerPick).toBeCloseTo(0.01182, 4);
    expect(privacyAccount({ epsilon: 1, delta: 0, picks: 4, sensitivity: 1 })).toMatchObject({ composition: 'basic', epsilonPerPick: expect.closeTo(0.25, 9) as number, delta: 0 }); // prettier-ignore
    expect(privacyAccount({ epsilon: 1, delta: 1e-6, picks: 1000, sensitivity: 1, composition: 'advanced' }).epsilonPerPick).toBeLessThan(many.epsilonPerPick); // prettier-ignore
    expect(() => privacyAccount({ epsilon: 0, delta: 0, picks: 1, sensitivity: 1 })).toThrow('no such privacy');
    expect(() => privacyAccount({ epsilon: 1, delta: 0, picks: 1, sensitivity: 1, composition: 'zCDP' })).toThrow(
      'needs a δ',
    );
  });
});

describe('selectPrivately', () => {
  const score = ({ text }: Document): number => Number(text.split(' ')[1]);
  const options = { score, clip: [0, 10], size: 5, epsilon: 50, delta: 1e-6, key: key(3) } as const;

  test('selects so many, good ones with much ε, whatever the order, and writes down what it spends', async () => {
    const documents = make(20);
    const step = selectPrivately(options);
    const found = await kept(step, documents);
    expect(found).toHaveLength(5);
    expect((await kept(step, documents.toReversed())).map(({ id }) => id).sort()).toEqual(
      found.map(({ id }) => id).sort(),
    );
    const [first] = (await step.judge(documents)).filter((verdict) => 'keep' in verdict);
    expect(first).toMatchObject({ scores: { epsilon: step.account.epsilon, delta: step.account.delta } });
    expect(step.account).toMatchObject({ picks: 5, sensitivity: 10 });
    const clipped = await kept(selectPrivately({ ...options, epsilon: 1e5 }), documents);
    expect(clipped.every((one) => score(one) >= 10)).toBe(true); // all from 10 on count as 10
    expect(await kept(selectPrivately({ ...options, size: 30 }), documents)).toHaveLength(20);
  });

  test('refuses what is no selection, and scores that are no numbers', async () => {
    expect(() => selectPrivately({ ...options, size: 0 })).toThrow('nothing can be selected so');
    expect(() => selectPrivately({ ...options, clip: [1, 1] })).toThrow('clip [1, 1]');
    await expect(kept(selectPrivately({ ...options, score: () => NaN }), make(2))).rejects.toThrow('not a number');
    // @ts-expect-error: a selection without a key is none
    expect(() => selectPrivately({ score, clip: [0, 1], size: 1, epsilon: 1 })).not.toThrow();
  });
});

describe('stratifiedSample', () => {
  test('seats by hand', () => {
    // 5.6, 1.6, 0.8: 5 + 1 + 0, then one more for the remainders 0.8 and, of the two of 0.6, the first.
    expect(allocate([70, 20, 10], 8, 'proportional')).toEqual([6, 1, 1]);
    expect(allocate([70, 20, 1], 9, 'equal')).toEqual([4, 4, 1]);
    expect(() => allocate([2, 3], 6, 'equal')).toThrow('not so many documents');
  });

  test('takes each stratum’s part to within one, whatever the order', async () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
    );
    await fc.assert(
      fc.asyncProperty(sizes, fc.double({ min: 0.1, max: 1, noNaN: true }), async ([a, b, c], part) => {
        const documents = [...make(a, 'a'), ...make(b, 'b'), ...make(c, 'c')];
        const size = Math.max(1, Math.floor(part * documents.length));
        const step = stratifiedSample({ size, key: key(5) });
        const found = await kept(step, documents);
        expect(found).toHaveLength(size);
        Object.entries({ a, b, c }).forEach(([name, count]) => {
          const own = found.filter(({ domain }) => domain === name).length;
          expect(Math.abs(own - (size * count) / documents.length)).toBeLessThan(1);
        });
        expect((await kept(step, documents.toReversed())).map(({ id }) => id).sort()).toEqual(
          found.map(({ id }) => id).sort(),
        );
      }),
      { numRuns: 40 },
    );
  });
});

test('selectByTarget keeps what the target’s model finds likelier than the general one', async () => {
  const news = 'the court said the mayor won the vote\nthe mayor said the court will vote\n'.repeat(3);
  const tales = 'the fox met the old witch in the wood\nthe witch gave the fox an apple\n'.repeat(3);
  const target = await trainNgrams([{ text: news }], { order: 2 });
  const general = await trainNgrams([{ text: news }, { text: tales }], {
    order: 2,
    vocabulary: target.vocabulary.keys(),
  });
  expect(general.vocabulary).toEqual(target.vocabulary);
  const documents = ['the mayor won the vote', 'the fox gave the witch an apple', 'the court said so', 'old wood'].map(
    (text) => document({ text, source: 's', domain: 'd', language: 'en' }),
  );
  const step = selectByTarget({ target, general, share: 0.5 });
  expect((await kept(step, documents)).map(({ text }) => text)).toEqual([
    'the mayor won the vote',
    'the court said so',
  ]);
  const below = selectByTarget({ target, general, threshold: 0 });
  expect((await kept(below, documents)).map(({ text }) => text)).toEqual(['the mayor won the vote']);
  expect(step.made?.name).toBe('selectByTarget');
  expect(() => selectByTarget({ target, general, share: 0 })).toThrow('no such part');
});
