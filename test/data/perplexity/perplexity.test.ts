import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply } from '../../../src/data/corpus.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { openLedger } from '../../../src/data/ledger/ledger.js';
import { isLocalStep } from '../../../src/data/local-step.js';
import { bandOf } from '../../../src/data/perplexity/cut.js';
import { perplexity } from '../../../src/data/perplexity/perplexity.js';
import type { PerplexityOptions } from '../../../src/data/perplexity/perplexity.js';
import { perplexityFigure } from '../../../src/data/perplexity/perplexity-figure.js';
import type { Scorer } from '../../../src/data/perplexity/scorer.js';
import { trainNgrams } from '../../../src/data/perplexity/train-ngrams.js';
import { splitWords } from '../../../src/data/perplexity/units.js';

/** Texts are their own perplexities. */
const given: Scorer = {
  score: (text) =>
    text === '-' ? { logProbability: 0, units: 0 } : { logProbability: -3 * Math.log(Number(text)), units: 3 },
};
const documents = (values: readonly (number | string)[], language = 'en'): Document[] =>
  values.map((value) => document({ text: `${value}`, source: 's', domain: 'd', language }));
const kept = async (list: readonly Document[], options: PerplexityOptions): Promise<string[]> =>
  (await perplexity(options).judge(list)).flatMap((verdict) => ('keep' in verdict ? [verdict.keep.text] : []));

describe('perplexity', () => {
  test('cuts at a threshold, each document alone', async () => {
    const list = documents([10, 300, 50, 2000]);
    expect(await kept(list, { model: given, threshold: 300 })).toEqual(['10', '300', '50']);
    expect(await kept(list, { model: given, keep: 'middle', threshold: [20, 1000] })).toEqual(['300', '50']);
    expect(isLocalStep(perplexity({ model: given, threshold: 300 }))).toBe(true);
  });

  test('cuts each group at its own quantile', async () => {
    const list = [...documents([10, 20, 30, 40], 'en'), ...documents([500, 600, 700, 800], 'zh')];
    expect(await kept(list, { model: given, quantile: 0.5 })).toEqual(['10', '20', '500', '600']);
    expect(await kept(list, { model: given, quantile: 0.5, by: 'source' })).toEqual(['10', '20', '30', '40']);
    expect(await kept(list, { model: given, keep: 'middle', quantile: [0.25, 0.75] })).toEqual([
      '20',
      '30',
      '600',
      '700',
    ]);
  });

  test('keeps the part asked for, to within one document, whatever the order', async () => {
    const values = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(values, fc.integer({ min: 1, max: 100 }), async (list, percent) => {
        const found = await kept(documents(list), { model: given, quantile: percent / 100 });
        expect(found.length).toBe(Math.ceil((list.length * percent) / 100));
        expect((await kept(documents(list.toReversed()), { model: given, quantile: percent / 100 })).sort()).toEqual(
          found.sort(),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('makes no choice between equals', () => {
    expect(bandOf([1, 2, 2, 2, 3], { from: 0, to: 0.4 })).toEqual({ low: -Infinity, high: 2 });
    expect(bandOf([1, 2, 2, 2, 3], { from: 0.2, to: 1 })).toEqual({ low: 2, high: Infinity });
    expect(bandOf([7], { from: 0.3, to: 0.6 })).toEqual({ low: -Infinity, high: Infinity });
  });

  test('takes a model for each group, also one that answers later', async () => {
    const later: Scorer = {
      score: (text) => Promise.resolve({ logProbability: -Math.log(Number(text) + 1), units: 1 }),
    };
    const list = [...documents([5, 6], 'en'), ...documents([5, 6], 'zh')];
    const options = { model: { ofGroup: { en: given, zh: later } } };
    expect(await kept(list, { ...options, threshold: 6.5 })).toEqual(['5', '6', '5']);
    expect(await kept(list, { ...options, quantile: 0.5 })).toEqual(['5', '5']);
    await expect(kept(documents([5], 'de'), { ...options, threshold: 6 })).rejects.toThrow(
      /no model\n {2}received: de/u,
    );
  });

  test('drops what cannot be scored, and says why of each', async () => {
    const [nothing, high, low, middle] = await perplexity({ model: given, keep: 'middle', threshold: [20, 100] }).judge(
      documents(['-', 400, 2, 50]),
    );
    expect(nothing).toEqual({ drop: 'nothing to score' });
    expect(high).toMatchObject({ drop: 'perplexity too high', evidence: 'kept up to 100.0' });
    expect(low).toMatchObject({ drop: 'perplexity too low', evidence: 'kept from 20.00' });
    expect(middle).toMatchObject({ scores: { perplexity: expect.closeTo(50, 9) as number } });
  });

  test('travels to other threads where nothing in it is a function', async () => {
    const model = await trainNgrams([{ text: 'a b c' }], { order: 2 });
    const step = perplexity({ model, quantile: 0.5 });
    expect(step.made).toBeDefined();
    const [options] = structuredClone(step.made?.options) as [PerplexityOptions];
    const list = documents(['a b c', 'c b a', 'x y z']);
    expect(await perplexity(options).judge(list)).toEqual(await step.judge(list));
    expect(perplexity({ model: given, quantile: 0.5 }).made).toBeUndefined();
  });

  test('refuses cuts that leave nothing', () => {
    expect(() => perplexity({ model: given, threshold: 0.5 })).toThrow('nothing would be kept');
    expect(() => perplexity({ model: given, keep: 'middle', threshold: [9, 3] })).toThrow('threshold [9, 3]');
    expect(() => perplexity({ model: given, quantile: 0 })).toThrow('no such part');
    // @ts-expect-error: the middle has two ends
    expect(() => perplexity({ model: given, keep: 'middle', threshold: 3 })).not.toThrow();
  });

  test('shows the distribution and the cut, from the ledger', async () => {
    const list = documents([10, 20, 30, 40, 5000]);
    const ledger = openLedger(list.map((one) => ({ document: one, verdict: { keep: one } })));
    const corpus = await apply({ documents: list, ledger }, perplexity({ model: given, quantile: 0.8 }));
    const figure = perplexityFigure(corpus);
    const counted = figure.data.map((trace) => ('text' in trace ? (trace.text as string[]).map(Number) : []));
    expect(counted.map((counts) => counts.reduce((sum, one) => sum + one, 0))).toEqual([4, 1]);
    expect(figure.layout.shapes?.map(({ x0 }) => 10 ** Number(x0))).toEqual([expect.closeTo(40, 6)]);
    expect(() => perplexityFigure({ documents: list, ledger })).toThrow('no document has a perplexity');
  });
});

test('words are runs of letters and digits, other signs and Chinese characters alone', () => {
  expect(splitWords('I don’t know, 你好ab3 — naïve! 𠮷野 ')).toEqual(
    ['I', 'don’t', 'know', ',', '你', '好', 'ab3', '—', 'naïve', '!', '𠮷', '野'], // prettier-ignore
  );
  expect(splitWords("it's 'quoted'")).toEqual(["it's", "'", 'quoted', "'"]);
  expect(splitWords('')).toEqual([]);
});
