import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { sentencePairs } from '../../src/tokens/sentence-pairs.js';
import type { SentencePair } from '../../src/tokens/sentence-pairs.js';

const classify = 1;
const separate = 2;

/** The two segments of a pair, after a look at its form: [CLS] first [SEP] second [SEP], types 0 … 0 1 … 1. */
function segments({ tokens, types }: SentencePair): [number[], number[]] {
  const ids = [...tokens];
  const middle = ids.indexOf(separate);
  expect(ids[0]).toBe(classify);
  expect(ids.at(-1)).toBe(separate);
  expect(ids.filter((id) => id === separate)).toHaveLength(2);
  expect([...types]).toEqual(ids.map((_, place) => (place <= middle ? 0 : 1)));
  return [ids.slice(1, middle), ids.slice(middle + 1, -1)];
}

/** Documents of which each token is told apart: 1000 · document + place. `sizes`: the lengths of the sentences. */
function numbered(sizes: readonly (readonly number[])[]): number[][][] {
  return sizes.map((lengths, document) => {
    let next = 1000 * (document + 1);
    return lengths.map((length) => Array.from({ length }, () => next++));
  });
}

const documentOf = (token: number): number => Math.floor(token / 1000);

describe('sentencePairs', () => {
  it('makes the two pairs that a document of two sentences can make, each half of the time', () => {
    // Nothing is too long, so all is by hand: the first sentence, then the second one or that of the other document.
    const documents = [
      [[10, 11], [12]],
      [[20], [21, 22]],
    ];
    const next = Int32Array.of(classify, 10, 11, separate, 12, separate);
    // From a sentence of the other document on, as many as it takes to fill up, or to its end.
    const others = [
      Int32Array.of(classify, 10, 11, separate, 20, 21, 22, separate),
      Int32Array.of(classify, 10, 11, separate, 21, 22, separate),
    ];
    const counts = [0, 0, 0];
    for (let seed = 0; seed < 1000; seed++) {
      const [first] = sentencePairs(documents, { context: 32, classify, separate, shortShare: 0, key: key(seed) });
      if (first?.isNext) {
        expect(first.tokens).toEqual(next);
        expect([...first.types]).toEqual([0, 0, 0, 0, 1, 1]);
        counts[0] = (counts[0] ?? 0) + 1;
      } else {
        const which = others.findIndex(({ length }) => length === first?.tokens.length);
        expect(first?.tokens).toEqual(others[which]);
        counts[which + 1] = (counts[which + 1] ?? 0) + 1;
      }
    }
    // 1/2, 1/4, 1/4: χ² with 2 degrees of freedom is below 13.8 with probability 0.999.
    const expected = [500, 250, 250];
    expect(
      counts.reduce((sum, count, at) => sum + (count - (expected[at] ?? 0)) ** 2 / (expected[at] ?? 1), 0),
    ).toBeLessThan(13.8);
  });

  it('fits the context, and says truly what is next', () => {
    const sizes = fc.array(fc.array(fc.nat(9), { maxLength: 12 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(
        sizes.filter((all) => all.filter((lengths) => lengths.some((length) => length > 0)).length >= 2),
        fc.integer({ min: 5, max: 40 }),
        fc.integer(),
        (drawn, context, seed) => {
          const options = { context, classify, separate, key: key(seed) };
          const pairs = sentencePairs(numbered(drawn), options);
          for (const pair of pairs) {
            const [first, second] = segments(pair);
            expect(pair.tokens.length).toBeLessThanOrEqual(context);
            expect(first.length).toBeGreaterThan(0);
            expect(second.length).toBeGreaterThan(0);
            // Each segment is a run of one document's tokens.
            for (const segment of [first, second]) {
              expect(segment.map((token, place) => token - place)).toEqual(segment.map(() => segment[0]));
            }
            const [a = 0, b = 0] = [first[0], second[0]].map((token) => documentOf(token ?? 0));
            expect(a === b).toBe(pair.isNext);
            if (pair.isNext) expect(second[0] ?? 0).toBeGreaterThan(first.at(-1) ?? 0);
          }
          expect(sentencePairs(numbered(drawn), options)).toEqual(pairs);
        },
      ),
    );
  });

  it('is a fair coin over all pairs, fills the context, and makes some pairs shorter', () => {
    const documents = numbered(
      Array.from({ length: 20 }, () => Array.from({ length: 90 }, (_, index) => 2 + (index % 7))),
    );
    const pairs = sentencePairs(documents, { context: 64, classify, separate, shortShare: 0, key: key(7) });
    const numNext = pairs.filter(({ isNext }) => isNext).length;
    expect(pairs.length).toBeGreaterThan(150);
    // 4 standard deviations of a fair coin.
    expect(Math.abs(numNext - pairs.length / 2)).toBeLessThan(2 * Math.sqrt(pairs.length));
    // Gathered until they fill 61 tokens and then shortened to them: all but those at the ends of documents are full.
    const notFull = pairs.filter(({ tokens }) => tokens.length < 64);
    expect(notFull.length).toBeLessThan(0.3 * pairs.length);
    const short = sentencePairs(documents, { context: 64, classify, separate, shortShare: 1, key: key(7) });
    const mean = short.reduce((sum, { tokens }) => sum + tokens.length - 3, 0) / short.length;
    expect(mean).toBeGreaterThan(25); // lengths drawn evenly from 2 … 61 tokens
    expect(mean).toBeLessThan(38);
  });

  it('begins the next pair where a real one ended, or with what a random one did not use', () => {
    const documents = numbered([Array.from({ length: 40 }, () => 3), [4, 4, 4]]);
    const pairs = sentencePairs(documents, { context: 15, classify, separate, shortShare: 0, key: key(3) });
    const own = pairs.filter(({ tokens }) => documentOf(tokens[1] ?? 0) === 1);
    expect(own.length).toBeGreaterThan(8);
    own.slice(1).forEach((pair, index) => {
      const before = own[index];
      if (!before) return;
      const [first, second] = segments(before);
      // Four sentences of 3 fill the 12 tokens, so real pairs are whole; a random one may lose tokens of either segment's ends.
      const end = (before.isNext ? second : first).at(-1) ?? 0;
      const start = segments(pair)[0][0] ?? 0;
      if (before.isNext && pair.isNext) expect(start).toBe(end + 1);
      else expect(start).toBeGreaterThan(end);
    });
  });

  it('refuses what makes no pairs', () => {
    const options = { context: 16, classify, separate, key: key(1) };
    expect(() => sentencePairs([[[5], [6]]], options)).toThrow(/1 documents with text/);
    expect(() => sentencePairs([[[5], [6]], [[]]], options)).toThrow(/at least two documents/);
    expect(() => sentencePairs([[[5]], [[6]]], { ...options, context: 4 })).toThrow(/at least 5 tokens/);
    expect(sentencePairs([[[5]], [[6]]], options)).toEqual([]); // single sentences have no next one
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error sentences, not one list of tokens
  sentencePairs([[5, 6], [7]], { context: 16, classify, separate, key: key(1) });
  // @ts-expect-error without [SEP]
  sentencePairs([[[5]], [[6]]], { context: 16, classify, key: key(1) });
}
