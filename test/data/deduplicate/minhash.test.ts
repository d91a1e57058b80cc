import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { banding, candidates, numHashes, sketch } from '../../../src/data/deduplicate/minhash.js';
import { jaccard, shingles, wordHashes } from '../../../src/data/deduplicate/shingles.js';

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
      const a = sketch(Uint32Array.from(scattered.slice(0, shared + half)));
      const b = sketch(Uint32Array.from([...scattered.slice(0, shared), ...scattered.slice(shared + half)]));
      agreeing += a.filter((hash, index) => hash === b[index]).length;
    }
    expect(Math.abs(agreeing / (60 * numHashes) - similarity)).toBeLessThan(0.03);
  });

  it('is banded so that a pair at the threshold is found with probability 0.995', () => {
    // 0.9⁹ = 0.3874; 1 − 0.6126¹⁴ = 0.9990. With rows 10: 1 − 0.6513¹² = 0.9942, too little.
    expect(banding(0.9)).toEqual({ bands: 14, rows: 9 });
    // 0.5³ = 0.125; 1 − 0.875⁴² = 0.9963. With rows 4: 1 − 0.9375³² = 0.873.
    expect(banding(0.5)).toEqual({ bands: 42, rows: 3 });
    expect(banding(1)).toEqual({ bands: 1, rows: 128 });
    expect(banding(0.01)).toEqual({ bands: 128, rows: 1 });
  });

  it('names as candidates the pairs that agree in a band', () => {
    const sketches = [
      [1, 2, 3, 4],
      [1, 2, 9, 9],
      [5, 6, 3, 4],
      [2, 1, 4, 3],
    ].map((hashes) => Uint32Array.from(hashes));
    expect([...candidates(sketches, { bands: 2, rows: 2 })]).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });
});
