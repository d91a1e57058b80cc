import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seedPieces } from '../../../src/tokens/learning/seed-pieces.js';
import type { Pieces } from '../../../src/tokens/learning/seed-pieces.js';
import { commonPrefixes, suffixArray } from '../../../src/tokens/learning/suffix-array.js';
import { bestCounts, expectedCounts } from '../../../src/tokens/learning/unigram-lattice.js';
import { digamma } from '../../../src/tokens/learning/unigram-model.js';
import { unigram } from '../../../src/tokens/learning/unigram.js';

type Words = readonly (readonly [word: string, count: number])[];

/** Words of a b c end to end. */
function lay(words: Words) {
  const text = words.map(([word]) => word).join('');
  const starts = [0];
  for (const [word] of words) starts.push((starts.at(-1) ?? 0) + word.length);
  const each = <T>(value: (word: string, index: number, count: number) => T): T[] =>
    words.flatMap(([word, count]) => Array.from(word, (_, index) => value(word, index, count)));
  return {
    text,
    numCharacters: 3,
    characters: Int32Array.from(text, (letter) => 'abc'.indexOf(letter)),
    remaining: Int32Array.from(each((word, index) => word.length - index)),
    weights: Float64Array.from(each((_word, _index, count) => count)),
    starts: Int32Array.from(starts),
    counts: Float64Array.from(words, ([, count]) => count),
    longestWord: Math.max(...words.map(([word]) => word.length)),
  };
}

const settings = { maxLength: 4, most: 1000 };
const never = (_place: number, _length: number): boolean => false;

const textOf = (text: string, { places, lengths }: Pieces, piece: number): string =>
  text.slice(places[piece] ?? 0, (places[piece] ?? 0) + (lengths[piece] ?? 0));

const words = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 5 }),
    ),
    { selector: ([word]) => word, minLength: 1, maxLength: 20 },
  )
  .map((some): Words => [...some.filter(([word]) => word !== 'abc'), ['abc', 3]]);

const chances = fc.array(fc.double({ min: -9, max: -0.1, noNaN: true }), { minLength: 7, maxLength: 97 });

/** All rows of strings that make a word. */
function rowsOf(word: string, pieces: ReadonlySet<string>): string[][] {
  if (word === '') return [[]];
  return Array.from(word, (_, index) => word.slice(0, index + 1))
    .filter((piece) => pieces.has(piece))
    .flatMap((piece) => rowsOf(word.slice(piece.length), pieces).map((row) => [piece, ...row]));
}

describe('suffixArray', () => {
  it('is the order of all strings to the end of their words', () => {
    fc.assert(
      fc.property(words, (words) => {
        const places = lay(words);
        const strings = Array.from(places.remaining, (length, place) => places.text.slice(place, place + length));
        const order = suffixArray(places, 16);
        expect(Array.from(order, (place) => strings[place])).toEqual(strings.toSorted());
        expect([...order].toSorted((a, b) => a - b)).toEqual([...strings.keys()]);
        const common = commonPrefixes(places, order, 3);
        for (let index = 1; index < order.length; index++) {
          const [a = '', b = ''] = [strings[order[index - 1] ?? 0], strings[order[index] ?? 0]];
          const length = common[index] ?? 0;
          expect(a.slice(0, length)).toBe(b.slice(0, length));
          expect(length === 3 || length === a.length || a[length] !== b[length]).toBe(true);
        }
      }),
    );
  });
});

describe('seedPieces', () => {
  it('finds all strings that repeat and are not always followed by the same character, at all their places', () => {
    fc.assert(
      fc.property(words, (words) => {
        const places = lay(words);
        const { pieces, scores } = seedPieces(places, places.weights, settings, never);
        const found = new Map<string, number>();
        const next = new Map<string, Set<string>>();
        for (const [word, count] of words)
          for (let from = 0; from < word.length; from++)
            for (let to = from + 1; to <= Math.min(word.length, from + 4); to++) {
              const string = word.slice(from, to);
              found.set(string, (found.get(string) ?? 0) + count);
              // The end of a word is as good as a character of its own.
              next.set(string, (next.get(string) ?? new Set()).add(word[to] ?? ''));
            }
        const expected = [...found]
          .filter(
            ([string]) => string.length === 1 || next.get(string)?.has('') === true || next.get(string)?.size !== 1,
          )
          .filter(([string, count]) => string.length === 1 || count >= 2)
          .map(([string, count]) => [string, count * string.length]);
        const learnt = Array.from(scores, (score, piece) => [textOf(places.text, pieces, piece), score]);
        expect(learnt.toSorted()).toEqual(expected.toSorted());
        for (let place = 0; place < places.text.length; place++) {
          const here: string[] = [];
          for (let piece = pieces.longest[place] ?? -1; piece >= 0; piece = pieces.shorter[piece] ?? -1)
            here.push(textOf(places.text, pieces, piece));
          const rest = places.text.slice(place, place + (places.remaining[place] ?? 0));
          const prefixes = expected.map(([string]) => String(string)).filter((string) => rest.startsWith(string));
          expect(here).toEqual(prefixes.toSorted((a, b) => b.length - a.length));
        }
      }),
    );
  });

  it('takes the highest scores, and nothing forbidden', () => {
    // abab 5 times: a, b 10 each; ab 2·10 = 20, abab 4·5 = 20, bab 3·5 = 15, always followed by b: aba; by a b: ba.
    const places = lay([['abab', 5], ['c', 1]]); // prettier-ignore
    const strings = (most: number, isForbidden = never): string[] => {
      const { pieces, scores } = seedPieces(places, places.weights, { maxLength: 4, most }, isForbidden);
      return Array.from(scores.keys(), (piece) => textOf(places.text, pieces, piece)).slice(3);
    };
    expect(strings(9)).toEqual(['ab', 'abab', 'bab']);
    expect(strings(2)).toEqual(['ab', 'abab']);
    expect(strings(9, (_place, length) => length === 2)).toEqual(['abab', 'bab']);
  });
});

describe('expectedCounts and bestCounts', () => {
  it('are those of all rows of pieces written out', () => {
    fc.assert(
      fc.property(words, chances, (words, random) => {
        const places = lay(words);
        const { pieces, scores } = seedPieces(places, places.weights, settings, never);
        const logs = scores.map((_, piece) => random[piece % random.length] ?? 0);
        const strings = Array.from(logs.keys(), (piece) => textOf(places.text, pieces, piece));
        const number = new Map(strings.map((string, piece) => [string, piece]));
        const counts = new Float64Array(logs.length);
        let logLikelihood = 0;
        let best = 0;
        for (const [word, count] of words) {
          const rows = rowsOf(word, new Set(strings)).map((row) => row.map((string) => number.get(string) ?? -1));
          const chances = rows.map((row) => Math.exp(row.reduce((sum, piece) => sum + (logs[piece] ?? 0), 0)));
          const all = chances.reduce((sum, chance) => sum + chance, 0);
          logLikelihood += count * Math.log(all);
          best += count * Math.log(Math.max(...chances));
          rows.forEach((row, index) => {
            for (const piece of row) counts[piece] = (counts[piece] ?? 0) + (count * (chances[index] ?? 0)) / all;
          });
        }
        const result = expectedCounts(places, pieces, logs);
        expect(result.logLikelihood).toBeCloseTo(logLikelihood, 8);
        result.expected.forEach((count, piece) => {
          expect(count).toBeCloseTo(counts[piece] ?? NaN, 8);
        });
        const found = bestCounts(places, pieces, logs);
        expect(found.reduce((sum, count, piece) => sum + count * (logs[piece] ?? 0), 0)).toBeCloseTo(best, 8);
      }),
      { numRuns: 50 },
    );
  });

  it('hold for words whose probability is below the smallest number', () => {
    const places = lay([['ab'.repeat(5000), 1], ['c', 1]]); // prettier-ignore
    const { pieces, scores } = seedPieces(places, places.weights, { maxLength: 1, most: 0 }, never);
    const { expected, logLikelihood } = expectedCounts(places, pieces, scores.map(() => -5)); // prettier-ignore
    expect([...expected]).toEqual([5000, 5000, 1].map((count) => expect.closeTo(count, 6) as number));
    expect(logLikelihood).toBeCloseTo(-5 * 10_001, 5);
  });
});

describe('digamma', () => {
  it('has its known values', () => {
    // −γ; −γ − 2 ln 2; ψ(2) = 1 − γ.
    const gamma = 0.5772156649015329;
    expect(digamma(1)).toBeCloseTo(-gamma, 12);
    expect(digamma(0.5)).toBeCloseTo(-gamma - 2 * Math.LN2, 12);
    expect(digamma(2)).toBeCloseTo(1 - gamma, 12);
    // ψ(n + 1) = Σ 1/k − γ
    const harmonic = Array.from({ length: 1000 }, (_, index) => 1 / (index + 1)).reduce((sum, part) => sum + part, 0);
    expect(digamma(1001)).toBeCloseTo(harmonic - gamma, 12);
  });
});

describe('unigram', () => {
  it('cuts NFKC text before each space, one of which begins it', () => {
    expect(unigram.words('Ein ﬁne  day\nＡ\ud800')).toEqual(['▁Ein', '▁fine', '▁', '▁day\nA\ufffd']);
    expect(unigram.words(' a')).toEqual(['▁a']);
    expect(unigram.words('')).toEqual([]);
  });

  it('learns the same from counts in any order', () => {
    fc.assert(
      fc.property(words, (words) => {
        const options = { numPieces: 5, numOthers: 0, forbidden: [] };
        const learn = (some: Words) =>
          unigram.learn(new Map([...some, ['bcabca', 2], ['cab', 4]]), options, () => undefined);
        expect(learn(words.toReversed())).toEqual(learn(words));
      }),
      { numRuns: 50 },
    );
  });
});
