import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, key } from '../../../src/engine/key.js';
import {
  corruptSpans,
  noiseMask,
  sentinelsOf,
  spanCounts,
  spanLengths,
  withSentinels,
} from '../../../src/tokens/sequences/span-corruption.js';

// The truth: T5's own functions, by fixtures/t5_spans.py.
const truth = JSON.parse(readFileSync(new URL('fixtures/t5_spans.json', import.meta.url), 'utf8')) as {
  readonly counts: readonly [number, number, number, number, number][];
  readonly lengths: readonly [number, number, number, number, number][];
  readonly sentinels: readonly Readonly<Record<'tokens' | 'mask' | 'inputs' | 'targets', number[]>>[];
};
/** As the fixtures have them: 99, 98, … */
const sentinels = Array.from({ length: 100 }, (_, index) => 99 - index);

/** The lengths of the runs of ones, and of the runs of zeros before each. */
function runsOf(mask: Uint8Array): { readonly noise: number[]; readonly kept: number[] } {
  const [noise, kept]: [number[], number[]] = [[], []];
  for (const run of [...mask].join('').match(/0*1+/g) ?? []) {
    noise.push(run.replaceAll('0', '').length);
    kept.push(run.replaceAll('1', '').length);
  }
  return { noise, kept };
}

describe('noiseMask', () => {
  it.each(truth.counts)(
    '%i tokens, density %d, spans of %d: as many as T5 leaves out',
    (length, density, meanSpan, numNoise, numSpans) => {
      expect(spanCounts(length, { density, meanSpan })).toEqual({ numNoise, numSpans });
      const mask = noiseMask(Math.max(length, 2), { density, meanSpan }, key(length));
      expect(mask.reduce((sum, one) => sum + one, 0)).toBe(numNoise);
      expect(runsOf(mask).noise).toHaveLength(numSpans);
      expect(mask[0]).toBe(0);
    },
  );

  it('draws every way to cut a text equally often', () => {
    // 14 tokens of which 4 are left out in 2 spans: 4 tokens in 2 pieces of at least one are (1,3), (2,2), (3,1); the 10 that stay
    // have 9 places for one cut. So P(first span = k) = 1/3 and P(first piece that stays = k) = 1/9.
    const options = { density: 4 / 14, meanSpan: 2 };
    const draws = 2700;
    const [spans, pieces] = [new Map<number, number>(), new Map<number, number>()];
    const count = (counts: Map<number, number>, value = 0): void => {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    };
    for (let draw = 0; draw < draws; draw++) {
      const { noise, kept } = runsOf(noiseMask(14, options, fold(key(5), draw)));
      count(spans, noise[0]);
      count(pieces, kept[0]);
    }
    // χ² of 2 and 8 degrees of freedom: above 13.8 and 26.1 once in a thousand.
    const chiSquare = (counts: Map<number, number>, classes: number): number =>
      [...counts.values()].reduce((sum, n) => sum + (n - draws / classes) ** 2 / (draws / classes), 0);
    expect([...spans.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3]);
    expect([...pieces.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(chiSquare(spans, 3)).toBeLessThan(13.8);
    expect(chiSquare(pieces, 9)).toBeLessThan(26.1);
  });
});

describe('corruptSpans', () => {
  it.each(truth.sentinels)('puts sentinels where T5 puts them: $mask', ({ tokens, mask, inputs, targets }) => {
    const { source, target } = withSentinels(tokens, Uint8Array.from(mask), { sentinels });
    expect([source, target]).toEqual([inputs, targets]);
    expect(withSentinels(tokens, Uint8Array.from(mask), { sentinels, end: 1 })).toEqual({
      source: [...inputs, 1],
      target: [...targets, 1],
    });
  });

  it('loses nothing: each sentinel of the source, replaced by its span, gives the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 2, maxLength: 80 }),
        fc.double({ min: 0.05, max: 0.6, noNaN: true }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer(),
        (tokens, density, meanSpan, seed) => {
          const { source, target } = corruptSpans(tokens, { density, meanSpan, sentinels }, key(seed));
          const spans = new Map<number, number[]>();
          let open: number[] = [];
          for (const token of Array.from(target)) {
            if (token <= 60) open.push(token);
            else spans.set(token, (open = []));
          }
          expect(Array.from(source).flatMap((token) => spans.get(token) ?? [token])).toEqual(tokens);
          expect(source.length + target.length).toBe(tokens.length + 2 * spans.size);
        },
      ),
    );
  });

  it('is a function of the key', () => {
    const tokens = Array.from({ length: 60 }, (_, index) => index);
    const of = (seed: number) => corruptSpans(tokens, { sentinels: sentinels.slice(0, 40) }, key(seed));
    expect(of(3)).toEqual(of(3));
    expect(of(3)).not.toEqual(of(4));
  });

  it('refuses what cannot be', () => {
    const tokens = Array.from({ length: 100 }, (_, index) => index);
    expect(() => corruptSpans(tokens, { sentinels: [99, 98] }, key(1))).toThrow(
      /more spans than sentinels[\s\S]*2 sentinels/,
    );
    expect(() => corruptSpans(tokens, { sentinels, density: 1 }, key(1))).toThrow(/no such density/);
    expect(() => corruptSpans(tokens, { sentinels, meanSpan: 0.5 }, key(1))).toThrow(/no such mean length/);
  });
});

it.each(truth.lengths)(
  'a source of %i tokens, density %d, spans of %d, is of a text as long as T5 takes',
  (source, density, meanSpan, text, target) => {
    // T5 rounds the spans of 3 tokens by 8 to none, and its source is then a token too long: it has one.
    const isForgotten = source === 16 && density === 0.15 && meanSpan === 8;
    const expected = isForgotten ? { text: 17, target: 5 } : { text, target };
    expect(spanLengths(source, { density, meanSpan })).toEqual(expected);
    // The lengths are those of what is made of such a text.
    const made = corruptSpans(
      Array.from({ length: expected.text }, () => 0),
      { density, meanSpan, sentinels: Array.from({ length: 999 }, (_, index) => index + 1), end: 1 },
      key(1),
    );
    expect(made.source.length).toBeLessThanOrEqual(source);
    expect(made.target.length).toBe(expected.target);
  },
);

it('T5’s own lengths', () => {
  expect(spanLengths(512)).toEqual({ text: 568, target: 114 });
  expect(() => spanLengths(1)).toThrow(/no text is so short/);
});

it('the sentinels of a tokenizer, in order', () => {
  const special = new Map([
    ['</s>', 1],
    ['<extra_id_1>', 98],
    ['<extra_id_0>', 99],
    ['<extra_id_3>', 96],
  ]);
  expect(sentinelsOf({ special })).toEqual([99, 98]);
  expect(() => sentinelsOf({ special: new Map([['</s>', 1]]) })).toThrow(/no sentinels[\s\S]*<\/s>/);
});
