import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apply } from '../../../src/data/corpus.js';
import type { Corpus } from '../../../src/data/corpus.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { openLedger } from '../../../src/data/ledger/ledger.js';
import { mixedStrata, mixFigure, mixTable } from '../../../src/data/mix/mix-table.js';
import { mix } from '../../../src/data/mix/mix.js';
import type { MixOptions } from '../../../src/data/mix/mix.js';
import { planMix } from '../../../src/data/mix/plan-mix.js';
import { withRepeats } from '../../../src/data/mix/with-repeats.js';
import { yieldTable } from '../../../src/data/mix/yield-table.js';
import { key } from '../../../src/engine/key.js';

const make = (domain: string, count: number, size = 100, text = '.'): Document[] =>
  Array.from({ length: count }, (_, index) =>
    document({ text: `${domain}${index} `.padEnd(size, text), source: 's', domain, language: 'en' }),
  );
const corpusOf = (documents: readonly Document[]): Corpus => ({
  documents,
  ledger: openLedger(documents.map((keep) => ({ document: keep, verdict: { keep } }))),
});
const strata = (sizes: Record<string, number>) =>
  Object.entries(sizes).map(([name, available]) => ({ name, available }));
const targets = ({ strata: planned }: ReturnType<typeof planMix>): Record<string, number> =>
  Object.fromEntries(planned.map(({ name, target }) => [name, Math.round(target)]));

describe('planMix', () => {
  test('caps by hand: what is cut off goes to the others', () => {
    // Books keep all 600; the encyclopedia may be 0.4 of the whole, so that books are 0.6 of it: 1000.
    expect(targets(planMix(strata({ books: 600, encyclopedia: 900 }), { caps: { encyclopedia: 0.4 } }))).toEqual({
      books: 600,
      encyclopedia: 400,
    });
    // 0.5, 0.3, 0.2 with a ≤ 0.2: b and c share 0.8 as 3 : 2, so b 0.48, which is above its 0.4: a 0.2, b 0.4, c 0.4.
    const { strata: planned } = planMix(strata({ a: 500, b: 300, c: 200 }), { caps: { a: 0.2, b: 0.4 } });
    expect(planned.map(({ share }) => share)).toEqual([0.2, 0.4, expect.closeTo(0.4, 12)]);
  });

  test('temperatures by hand: p ∝ n^(1/T)', () => {
    const shares = (temperature: number): number[] =>
      planMix(strata({ en: 900, sw: 100 }), { temperature }).strata.map(({ share }) => share);
    expect(shares(1)).toEqual([0.9, 0.1]);
    expect(shares(2)).toEqual([expect.closeTo(0.75, 12), expect.closeTo(0.25, 12)]); // √900 : √100 = 3 : 1
    expect(shares(Infinity)).toEqual([0.5, 0.5]);
  });

  test('a budget: as much of each stratum, or an error that says what is missing and what to do', () => {
    const given = strata({ web: 10_000, books: 1000 });
    const asked = { shares: { web: 1, books: 1 } };
    expect(targets(planMix(given, { ...asked, budget: 1500 }))).toEqual({ web: 750, books: 750 });
    expect(() => planMix(given, { ...asked, budget: 4000 })).toThrow(
      /received: books: 1,000 of the 2,000 that are 0\.500 of 4,000; its share would be 0\.333\n.*at most 2,000 .*\n.*lower the budget to 2,000 .*2\.00 epochs of books/u,
    );
    const shrunk = planMix(given, { ...asked, budget: 4000, whenShort: 'shrink' });
    expect([targets(shrunk), shrunk.total, shrunk.short]).toEqual([{ web: 1000, books: 1000 }, 2000, ['books']]);
    const repeated = planMix(given, { ...asked, budget: 4000, whenShort: 'repeat' });
    expect(repeated.strata.map(({ epochs }) => epochs)).toEqual([0.2, 2]);
    expect(targets(planMix(given, { ...asked, budget: 4000, epochs: { books: 2 } }))).toEqual({
      web: 2000,
      books: 2000,
    });
    expect(targets(planMix(given, { ...asked, epochs: { books: 3 } }))).toEqual({ web: 3000, books: 3000 });
    expect(targets(planMix(given, { ...asked, whenShort: 'repeat' }))).toEqual({ web: 10_000, books: 10_000 });
  });

  test('refuses what cannot be', () => {
    const given = strata({ a: 5, b: 5 });
    expect(() => planMix(given, { caps: { a: 0.4, b: 0.4 } })).toThrow(/to nobody\n.*leaves 0\.200/u);
    expect(() => planMix(given, { temperature: 0 })).toThrow('no such temperature');
    expect(() => planMix(given, { epochs: { a: 0 } })).toThrow('no such number of epochs');
    expect(() => planMix([], {})).toThrow('nothing to mix');
    // @ts-expect-error: no such answer to a shortage
    expect(() => planMix(given, { whenShort: 'ignore' })).not.toThrow();
  });

  test('shares sum to 1, hold the caps, and take no more than there is', () => {
    const sizes = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 1, max: 1000 }), {
      minKeys: 2,
    });
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 5 }),
        (given, cap, temperature) => {
          const { strata: planned, total } = planMix(strata(given), { caps: { a: cap, b: cap }, temperature });
          expect(planned.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
          for (const { name, share, epochs } of planned) {
            expect(share).toBeLessThanOrEqual((name === 'a' || name === 'b' ? cap : 1) + 1e-9);
            expect(epochs).toBeLessThanOrEqual(1 + 1e-9);
          }
          expect(total).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('mix with targets', () => {
  const documents = [...make('web', 100), ...make('books', 20), ...make('encyclopedia', 80)];
  const through = async (options: Omit<MixOptions, 'key'>): Promise<readonly [Corpus, Corpus]> => {
    const before = corpusOf(documents);
    return [before, await apply(before, mix({ ...options, key: key(7) }))];
  };

  test('ten to two: a budget by domain, in bytes', async () => {
    const options = { by: 'domain', size: 'bytes', budget: 4000, caps: { encyclopedia: 0.25 } } as const;
    const [before, after] = await through(options);
    // 0.5 : 0.1 : 0.4 with the encyclopedia at 0.25: web and books share 0.75 as 5 : 1.
    expect(mixedStrata(before, after, { ...options, key: key(7) })).toEqual([
      expect.objectContaining({
        name: 'books',
        available: 2000,
        planned: expect.closeTo(500, 9) as number,
        reached: 500,
      }),
      expect.objectContaining({
        name: 'encyclopedia',
        available: 8000,
        planned: 1000,
        reached: 1000,
        reachedShare: 0.25,
      }),
      expect.objectContaining({
        name: 'web',
        available: 10_000,
        planned: expect.closeTo(2500, 9) as number,
        reached: 2500,
      }),
    ]);
    expect(mixTable(before, after, { ...options, key: key(7) }).title).toBe(
      'Mixture: 4,000 bytes of a budget of 4,000',
    );
    expect(mixFigure(before, after, { ...options, key: key(7) }).data).toHaveLength(2);
    expect(yieldTable(after, { by: 'domain' }).rows).toEqual([
      ['books', '20 (100.0%)', '5 (25.0%)'],
      ['encyclopedia', '80 (100.0%)', '10 (12.5%)'],
      ['web', '100 (100.0%)', '25 (25.0%)'],
      ['all', '200 (100.0%)', '40 (20.0%)'],
    ]);
  });

  test('repeats as many documents as a corpus has', () => {
    const documents = Array.from({ length: 300_000 }, (_, index) => ({ index, meta: { epochs: 1 + (index % 2) } }));
    const all = withRepeats(documents);
    expect(all).toHaveLength(450_000);
    expect(all.slice(300_000, 300_002)).toEqual([{ index: 1, meta: {} }, { index: 3, meta: {} }]); // prettier-ignore
  });

  test('repetitions stand in the document and in the ledger', async () => {
    const options = { by: 'domain', shares: { web: 0, books: 5, encyclopedia: 3 }, epochs: { books: 2.5 } } as const;
    const [before, after] = await through(options);
    const books = after.documents.filter(({ domain }) => domain === 'books');
    const times = books.map(({ meta }) => meta?.['epochs']);
    expect([times.filter((one) => one === 3).length, times.filter((one) => one === 2).length]).toEqual([10, 10]);
    expect(withRepeats(after.documents).filter(({ domain }) => domain === 'books')).toHaveLength(50);
    expect(after.ledger.counts().at(-1)?.changes).toEqual({ repetitions: 30 });
    const [first] = after.ledger.kept.filter(({ id }) => id === books[0]?.id);
    expect(first?.events.at(-1)?.scores).toEqual({ share: 0.625, epochs: times[0] });
    const rows = mixedStrata(before, after, { ...options, key: key(7) });
    expect(rows.map(({ reachedShare }) => reachedShare)).toEqual([0.625, 0.375, 0]);
  });

  test('sizes in tokens, strata by a function, any order', async () => {
    const options = {
      by: ({ text }: Document) => (text.startsWith('w') ? 'web' : 'other'),
      size: (text: string) => text.split(/[. ]/u).length,
      shares: { web: 1, other: 1 },
      budget: 2000,
    };
    const [, after] = await through(options);
    const again = await apply(corpusOf(documents.toReversed()), mix({ ...options, key: key(7) }));
    expect(again.documents.map(({ id }) => id).sort()).toEqual(after.documents.map(({ id }) => id).sort());
    expect(mix({ ...options, key: key(7) }).made).toBeUndefined();
    expect(mix({ by: 'domain', key: key(7) }).made?.name).toBe('mix');
  });

  test('without targets everything stays', async () => {
    const [, after] = await through({});
    expect(after.documents).toHaveLength(documents.length);
  });
});
