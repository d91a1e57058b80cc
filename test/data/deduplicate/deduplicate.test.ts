import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/data/corpus.js';
import { deduplicate } from '../../../src/data/deduplicate/deduplicate.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';
import { jaccard, shingles, wordHashes } from '../../../src/data/deduplicate/shingles.js';
import type { Verdict } from '../../../src/data/step.js';

const brown = await load('brown');
const of = (text: string, source = 's'): Document => document({ text, source, domain: 'd' });
const judge = async (documents: readonly Document[], threshold: number): Promise<readonly Verdict[]> =>
  deduplicate({ threshold }).judge(documents);
const similarity = (a: Document, b: Document): number =>
  jaccard(shingles(wordHashes(a.text), 5), shingles(wordHashes(b.text), 5));

// Words 0 … count − 1, those of `changed` replaced: each replaced word takes five shingles away and adds five.
const numbered = (count: number, changed: readonly number[] = [], mark = 'x'): string =>
  Array.from({ length: count }, (_, index) => (changed.includes(index) ? `${mark}${index}` : `w${index}`)).join(' ');

describe('deduplicate', () => {
  it('keeps the longest of a cluster and says which it is and how similar', async () => {
    const whole = of(numbered(104));
    // 100 shingles each; word 50 differs: 95 shared, 5 + 5 not: 95 / 105 = 0.905.
    const changed = of(numbered(104, [50], 'y'));
    const other = of(
      numbered(
        104,
        Array.from({ length: 104 }, (_, index) => index),
      ),
    );
    expect(whole.text.length).toBe(changed.text.length);
    const [kept, dropped] = whole.id < changed.id ? [whole, changed] : [changed, whole];
    const verdicts = await judge([changed, other, whole], 0.9);
    const near = { drop: 'near-duplicate', like: kept.id, score: 95 / 105 };
    expect(verdicts).toEqual(
      dropped === changed ? [near, { keep: other }, { keep: whole }] : [{ keep: changed }, { keep: other }, near],
    );
    expect(await judge([changed, whole], 0.906)).toEqual([{ keep: changed }, { keep: whole }]);
    const longer = of(`${numbered(104)} and`);
    expect(await judge([whole, longer], 0.9)).toEqual([
      { drop: 'near-duplicate', like: longer.id, score: 100 / 101 },
      { keep: longer },
    ]);
  });

  it('drops exact copies, also of texts without words, and keeps the one of the first source by name', async () => {
    expect(await judge([of('…', 'b'), of('…', 'a'), of('!', 'c')], 0.9)).toEqual([
      { drop: 'exact duplicate', like: of('…').id, score: 1 },
      { keep: of('…', 'a') },
      { keep: of('!', 'c') },
    ]);
  });

  it('joins what is alike through a third', async () => {
    const chain = [[], [50], [50, 60], [50, 60, 70]].map((changed) => of(numbered(104, changed)));
    const verdicts = await judge(chain, 0.9);
    expect(verdicts.filter((verdict) => 'keep' in verdict)).toHaveLength(1);
  });

  it('finds near-duplicates in Chinese', async () => {
    const text = Array.from({ length: 300 }, (_, index) => String.fromCodePoint(0x4e00 + 7 * index)).join('');
    expect(await judge([of(text), of(`${text}。新`)], 0.9)).toEqual([
      { drop: 'near-duplicate', like: of(`${text}。新`).id, score: 296 / 297 },
      { keep: of(`${text}。新`) },
    ]);
  });

  it('keeps the same documents in any order of the input', async () => {
    // Variants of real samples, from near to far, and copies.
    const originals = brown.documents.slice(0, 6).map(({ text }) => text.slice(0, 1500).split(' '));
    const variant = fc.record({
      original: fc.integer({ min: 0, max: 5 }),
      removed: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 6 }),
      source: fc.constantFrom('a', 'b'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(variant, { minLength: 2, maxLength: 15 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        fc.constantFrom(0.7, 0.9),
        async (variants, random, threshold) => {
          const documents = variants.map(({ original, removed, source }) =>
            of((originals[original] ?? []).filter((_, index) => !removed.includes(index)).join(' '), source),
          );
          const kept = async (from: readonly Document[]): Promise<string[]> =>
            (await judge(from, threshold))
              .flatMap((verdict) => ('keep' in verdict ? [`${verdict.keep.id} ${verdict.keep.source}`] : []))
              .sort();
          const reordered = documents
            .map((one) => ({ one, at: random.next().value as number }))
            .sort((a, b) => a.at - b.at);
          expect(await kept(reordered.map(({ one }) => one))).toEqual(await kept(documents));
        },
      ),
    );
  });

  it('drops nothing below the threshold, and on real text finds what comparing all pairs finds', async () => {
    const texts = brown.documents.slice(0, 40).map(({ text }) => text);
    // Each second sample again, with every 29th to 300th word left out.
    const edited = texts
      .filter((_, index) => index % 2 === 0)
      .map((text, index) => {
        const every = 29 + 14 * index;
        return text
          .split(' ')
          .filter((_, position) => position % every !== 0)
          .join(' ');
      });
    const documents = [...texts, ...edited].map((text) => of(text));
    const threshold = 0.9;
    const pairs = documents.flatMap((a, index) =>
      documents.slice(index + 1).filter((b) => similarity(a, b) >= threshold),
    );
    expect(pairs.length).toBeGreaterThan(5);
    expect(pairs.length).toBeLessThan(20);
    const dropped = (await judge(documents, threshold)).filter((verdict) => 'drop' in verdict);
    expect(dropped).toHaveLength(pairs.length);
    expect(dropped.every(({ score }) => (score ?? 0) >= threshold)).toBe(true);
  });

  it('finds no duplicates in the shipped data', async () => {
    const corpus = await load(['shakespeare', 'brown']);
    const { ledger } = await apply(corpus, deduplicate({ threshold: 0.9 }));
    expect(ledger.counts().at(-1)).toMatchObject({ step: 'deduplicate', documentsIn: 265, documentsOut: 265 });
  });

  it.each([0, -1, 1.1, NaN])('refuses the threshold %f', (threshold) => {
    expect(() => deduplicate({ threshold })).toThrow('no such threshold');
  });
});
