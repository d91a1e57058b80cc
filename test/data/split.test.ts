import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSplitCorpus } from '../../src/data/corpus.js';
import type { Corpus } from '../../src/data/corpus.js';
import { countCharacters, document } from '../../src/data/document.js';
import { openLedger } from '../../src/data/ledger/ledger.js';
import { load } from '../../src/data/read/load.js';
import { fraction, splitDocuments } from '../../src/data/split.js';
import { key } from '../../src/engine/key.js';

function corpusOf(sizes: readonly number[], numDomains: number): Corpus {
  const documents = sizes.map((size, index) =>
    document({ text: `${index} `.padEnd(size, '.'), source: 's', domain: `d${index % numDomains}` }),
  );
  return { documents, ledger: openLedger(documents.map((keep) => ({ document: keep, verdict: { keep } }))) };
}

describe('splitDocuments', () => {
  it('puts every document in one part, about the fraction in each domain', async () => {
    const corpus = await load(['shakespeare', 'brown']);
    const { train, heldOut } = splitDocuments(corpus, 0.1, key(7));
    expect(isSplitCorpus({ train, heldOut })).toBe(true);
    expect([...train.documents, ...heldOut.documents].map(({ id }) => id).sort()).toEqual(
      corpus.documents.map(({ id }) => id).sort(),
    );
    // Works of Shakespeare have up to 176,000 characters: half of one is 1.1% of the whole.
    expect(Math.abs(countCharacters(heldOut.documents) / countCharacters(corpus.documents) - 0.1)).toBeLessThan(0.012);
    // 15 genres and Shakespeare; one may go without, where those before it had too much.
    expect(new Set(heldOut.documents.map(({ domain }) => domain)).size).toBeGreaterThanOrEqual(15);
    expect(heldOut.documents.filter(({ source }) => source === 'shakespeare').length).toBeGreaterThanOrEqual(3);
  });

  it('writes in each ledger where the others went', () => {
    const { train, heldOut } = splitDocuments(corpusOf([50, 50, 50, 50, 50], 1), 0.2, key(1));
    expect(train.ledger.counts().at(-1)).toMatchObject({
      documentsIn: 5,
      documentsOut: 4,
      dropped: { 'held out for evaluation': 1 },
    });
    expect(heldOut.ledger.counts().at(-1)).toMatchObject({
      documentsIn: 5,
      documentsOut: 1,
      dropped: { 'trained on': 4 },
    });
    expect(train.ledger.why(heldOut.documents[0]?.id ?? '')).toContain('split: dropped, held out for evaluation');
  });

  it('depends on the key, not on the order of the documents', () => {
    const sizes = fc.array(fc.integer({ min: 10, max: 300 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), fc.integer(), (sizes, numDomains, seed) => {
        const corpus = corpusOf(sizes, numDomains);
        const reversed = { documents: corpus.documents.toReversed(), ledger: corpus.ledger };
        const held = (from: Corpus): string[] =>
          splitDocuments(from, 0.3, key(seed))
            .heldOut.documents.map(({ id }) => id)
            .sort();
        expect(held(reversed)).toEqual(held(corpus));
        // To within half a document.
        const characters = countCharacters(splitDocuments(corpus, 0.3, key(seed)).heldOut.documents);
        if (sizes.length > 10)
          expect(Math.abs(characters - 0.3 * countCharacters(corpus.documents))).toBeLessThanOrEqual(150);
      }),
    );
    const corpus = corpusOf(new Array<number>(50).fill(100), 1);
    expect(splitDocuments(corpus, 0.3, key(1)).heldOut).not.toEqual(splitDocuments(corpus, 0.3, key(2)).heldOut);
  });

  it('holds one document out where the fraction is less than half of one', () => {
    expect(splitDocuments(corpusOf([100, 100], 1), 0.01, key(1)).heldOut.documents).toHaveLength(1);
  });

  it('refuses a fraction that is none, and a single document', () => {
    for (const wrong of [0, 1, NaN])
      expect(() => splitDocuments(corpusOf([10, 10], 1), wrong, key(1))).toThrow('no such fraction');
    expect(() => splitDocuments(corpusOf([10], 1), 0.1, key(1))).toThrow('one part would have no document');
    expect([0, 0.1, 1].map((value) => fraction().safeParse(value).success)).toEqual([false, true, false]);
  });
});
