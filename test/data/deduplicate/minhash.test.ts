import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { banding, bandGroups, sketch } from '../../../src/data/deduplicate/minhash.js';
import { jaccard, runHashes, shingles, wordHashes, wordSpans } from '../../../src/data/deduplicate/shingles.js';

/** The shingles of a text as strings, in the plainest way. */
function plainShingles(words: readonly string[], width: number): Set<string> {
  if (words.length === 0) return new Set();
  const run = Math.min(width, words.length);
  return new Set(words.slice(run - 1).map((_, start) => words.slice(start, start + run).join(' ')));
}

function plainJaccard(a: Set<string>, b: Set<string>): number {
  const shared = [...a].filter((one) => b.has(one)).length;
  return a.size + b.size === 0 ? 0 : shared / (a.size + b.size - shared);
}

describe('shingles', () => {
  it('are made of words in lower case, of single Han and Kana characters, without punctuation', () => {
    const same = (a: string, b: string): void => {
      expect([...wordHashes(a)]).toEqual([...wordHashes(b)]);
    };
    same('Hello,  WORLD!', 'hello world');
    same('学而时习之', '学 而，时\n习 之');
    same('ÄPFEL и 한국', 'äpfel — и (한국)');
    expect(wordHashes('学而a时b1').length).toBe(5);
    expect(wordHashes('… — !').length).toBe(0);
  });

  it('may be made of characters', () => {
    expect(wordHashes('Ab, c学', 'characters')).toEqual(wordHashes('a b c 学'));
    expect(wordHashes('“—”', 'characters').length).toBe(0);
  });

  it('stand in the text where their words do', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'B', '1', ' ', ',', '学', 'の', 'é', '\n') }), (text) => {
        const spans = wordSpans(text);
        const hashes = wordHashes(text);
        expect(spans.length).toBe(2 * hashes.length);
        hashes.forEach((hash, word) => {
          expect([...wordHashes(text.slice(spans[2 * word], spans[2 * word + 1]))]).toEqual([hash]);
        });
      }),
    );
  });

  it('hash a run by its words alone, wherever it stands', () => {
    const runs = runHashes(wordHashes('a b c d e f a b c d a'), 4);
    expect(runs.length).toBe(8);
    expect(runs[0]).toBe(runs[6]);
    expect(new Set(runs).size).toBe(7);
    expect(runHashes(wordHashes('a b c'), 4)[0]).toBe(runHashes(wordHashes('a b c'), 3)[0]);
    expect(runHashes(new Uint32Array(0), 4).length).toBe(0);
  });

  it('have the Jaccard similarity of the sets of words that they stand for', () => {
    const words = fc.array(fc.constantFrom('to', 'be', 'or', 'not', 'that', 'is'), { maxLength: 60 });
    fc.assert(
      fc.property(words, words, fc.integer({ min: 1, max: 5 }), (a, b, width) => {
        const [left, right] = [a, b].map((one) => shingles(wordHashes(one.join(', ')), width));
        expect(jaccard(left ?? new Uint32Array(), right ?? new Uint32Array())).toBe(
          plainJaccard(plainShingles(a, width), plainShingles(b, width)),
        );
      }),
      { numRuns: 500 },
    );
  });
});

const numHashes = 128;

describe('MinHash', () => {
  it.each([0.1, 0.5, 0.9])('agrees in as many hashes as two sets are similar: %f', (similarity) => {
    // 60 pairs of 128 hashes: the mean's standard deviation is at most 0.5 / √7680 = 0.0057; five of them are 0.03.
    let agreeing = 0;
    for (let pair = 0; pair < 60; pair++) {
      const union = 2000;
      const shared = Math.round(similarity * union);
      const hashed = shingles(
        wordHashes(Array.from({ length: union }, (_, index) => `w${pair}x${index}`).join(' ')),
        1,
      );
      expect(hashed.length).toBe(union);
      // Not the sorted halves of the set, which no real sets are.
      const scattered = [...hashed].sort((a, b) => (Math.imul(a, 0x9e3779b1) >>> 0) - (Math.imul(b, 0x9e3779b1) >>> 0));
      const half = (union - shared) / 2;
      const a = sketch(Uint32Array.from(scattered.slice(0, shared + half)), numHashes);
      const b = sketch(Uint32Array.from([...scattered.slice(0, shared), ...scattered.slice(shared + half)]), numHashes);
      agreeing += a.filter((hash, index) => hash === b[index]).length;
    }
    expect(Math.abs(agreeing / (60 * numHashes) - similarity)).toBeLessThan(0.03);
  });

  it('finds pairs at the threshold as often as stated, of large sets and of small ones', () => {
    const missed = (size: number, similarity: number, threshold: number): number => {
      const { bands, rows } = banding(threshold);
      const numTrials = 2000;
      let numMissed = 0;
      let next = size;
      for (let trial = 0; trial < numTrials; trial++) {
        // Elements of their own in each trial, as good as random: multiples of an odd number modulo 2³².
        const elements = Uint32Array.from({ length: size }, () => Math.imul(next++, 0x6c078965) ^ (next >>> 3));
        const numDifferent = Math.round((1 - similarity) * size);
        const half = numDifferent >> 1;
        const [a, b] = [
          elements.slice(0, size - half),
          Uint32Array.from([...elements.slice(0, size - numDifferent), ...elements.slice(size - half)]),
        ].map((set) => bandGroups(sketch(set, bands * rows), { bands, rows }));
        if (a?.every((group, band) => group !== b?.[band]) === true) numMissed++;
      }
      return numMissed / numTrials;
    };
    // Expected: 0.005 at most, 0.01 for small sets; the standard deviation of the mean is at most 0.0023.
    expect(missed(300, 0.9, 0.9)).toBeLessThan(0.012);
    expect(missed(1000, 0.7, 0.7)).toBeLessThan(0.012);
    expect(missed(32, 0.90625, 0.9)).toBeLessThan(0.017);
    expect(missed(20, 0.5, 0.5)).toBeLessThan(0.017);
  });

  it('does not count a shingle that is repeated', () => {
    const set = runHashes(wordHashes('a b c d e f g h'), 2);
    expect(sketch(Uint32Array.from([...set, ...set, ...set.slice(2)]), 64)).toEqual(sketch(set, 64));
  });

  it('is banded so that a pair at the threshold is found with probability 0.995, with no more bands than needed', () => {
    // 0.9⁹ = 0.3874; 1 − 0.6126¹¹ = 0.9954 and with 10 bands 0.9926. With rows 10: 1 − 0.6513¹² = 0.9942, too little.
    expect(banding(0.9)).toEqual({ bands: 11, rows: 9 });
    // 0.5³ = 0.125; 1 − 0.875⁴⁰ = 0.9952. With rows 4: 1 − 0.9375³² = 0.873.
    expect(banding(0.5)).toEqual({ bands: 40, rows: 3 });
    expect(banding(1)).toEqual({ bands: 1, rows: 128 });
    expect(banding(0.01)).toEqual({ bands: 128, rows: 1 });
  });

  it('has a group for each band, equal where all rows of it are', () => {
    const [a = [], b = [], c = []] = [
      [1, 2, 3, 4],
      [1, 2, 9, 9],
      [3, 4, 1, 2],
    ].map((hashes) => [...bandGroups(Uint32Array.from(hashes), { bands: 2, rows: 2 })]);
    expect(a[0]).toBe(b[0]);
    expect(new Set([...a, ...b, ...c]).size).toBe(5); // the same rows in another band are another group
  });
});
