import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevel } from '../../../src/tokens/byte-level.js';
import { bytePairs } from '../../../src/tokens/learning/byte-pairs.js';
import { learnMerges } from '../../../src/tokens/learning/merges.js';
import type { LearntMerges } from '../../../src/tokens/learning/merges.js';

type Words = readonly (readonly [word: string, count: number])[];

const settings = (alphabet: readonly string[], vocabularySize: number, minFrequency: number) => ({
  alphabet,
  vocabularySize,
  minFrequency,
  join: (left: string, right: string) => left + right,
});

function learn(words: Words, alphabet: string, vocabularySize: number, minFrequency: number): LearntMerges {
  const starts = [0];
  for (const [word] of words) starts.push((starts.at(-1) ?? 0) + word.length);
  const symbols = Int32Array.from(words.flatMap(([word]) => Array.from(word, (letter) => alphabet.indexOf(letter))));
  const counts = Float64Array.from(words, ([, count]) => count);
  const given = { symbols, starts: Int32Array.from(starts), counts };
  return learnMerges(given, settings(Array.from(alphabet), vocabularySize, minFrequency), () => undefined);
}

/** The definition: all pairs are counted anew before each merge. */
function learnByDefinition(words: Words, alphabet: string, vocabularySize: number, minFrequency: number): LearntMerges {
  const tokens = Array.from(alphabet);
  const merges: (readonly [number, number])[] = [];
  let rows = words.map(([word]) => Array.from(word, (letter) => alphabet.indexOf(letter)));
  while (tokens.length < vocabularySize) {
    const counts = new Map<number, number>();
    rows.forEach((row, word) => {
      row.slice(1).forEach((right, index) => {
        const pair = (row[index] ?? 0) * 1000 + right;
        counts.set(pair, (counts.get(pair) ?? 0) + (words[word]?.[1] ?? 0));
      });
    });
    const [best] = [...counts].sort(([a, many], [b, more]) => more - many || a - b);
    if (best === undefined || best[1] < minFrequency) break;
    const [left, right] = [Math.floor(best[0] / 1000), best[0] % 1000];
    const id = tokens.push((tokens[left] ?? '') + (tokens[right] ?? '')) - 1;
    merges.push([left, right]);
    rows = rows.map((row) => {
      const merged: number[] = [];
      for (let index = 0; index < row.length; index++) {
        const isPair = row[index] === left && row[index + 1] === right;
        merged.push(isPair ? id : (row[index] ?? 0));
        if (isPair) index++;
      }
      return merged;
    });
  }
  return { tokens, merges };
}

const words = fc.uniqueArray(
  fc.tuple(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 }),
    fc.integer({ min: 1, max: 9 }),
  ),
  { selector: ([word]) => word, minLength: 1, maxLength: 30 },
);

describe('learnMerges', () => {
  it('merges what the definition does, overlapping pairs too', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 3, max: 150 }), fc.integer({ min: 1, max: 4 }), (words, size, least) => {
        expect(learn(words, 'abc', size, least)).toEqual(learnByDefinition(words, 'abc', size, least));
      }),
      { numRuns: 300 },
    );
  });

  it('makes no token twice', () => {
    fc.assert(
      fc.property(words, (words) => {
        const { tokens } = learn(words, 'abc', 1000, 0);
        expect(new Set(tokens).size).toBe(tokens.length);
      }),
    );
  });

  it('depends on no order of words', () => {
    fc.assert(
      fc.property(words, fc.array(fc.nat(), { minLength: 30, maxLength: 30 }), (words, keys) => {
        const shuffled = words
          .map((word, index) => ({ word, key: keys[index] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ word }) => word);
        expect(learn(shuffled, 'abc', 60, 0)).toEqual(learn(words, 'abc', 60, 0));
      }),
    );
  });

  it('keeps its tables whole when they grow', () => {
    // 5,000 Chinese characters, three bytes each, from U+4E00 on: 64 have the same first two bytes, so those are merged first, 79
    // times; then each character once. 1 + 256 + 79 + 5,000 = 5,336 tokens, made of 5,079 merges.
    const counts = new Map(Array.from({ length: 5000 }, (_, n) => [String.fromCodePoint(0x4e00 + n), 1]));
    const learnt = (vocabularySize: number) =>
      bytePairs.learn(
        counts,
        { vocabularySize, minFrequency: 0, specialTokens: ['<s>'], digits: 'together' },
        () => undefined,
      );
    const tokens = new Set(learnt(5336).tokens);
    expect([...counts.keys()].filter((character) => !tokens.has(byteLevel(character)))).toEqual([]);
    expect(() => learnt(5337)).toThrow('at most 5336');
  });
});
