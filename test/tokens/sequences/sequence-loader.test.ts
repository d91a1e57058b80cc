import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key, fold } from '../../../src/engine/key.js';
import type { LoaderOptions } from '../../../src/tokens/loader.js';
import { denoiserAt, prefixDenoiser, spanDenoiser, ul2Denoisers } from '../../../src/tokens/sequences/denoisers.js';
import type { Rated } from '../../../src/tokens/sequences/denoisers.js';
import {
  denoisedInOrder,
  denoisingLoader,
  sequenceLoader,
  sequencesInOrder,
} from '../../../src/tokens/sequences/sequence-loader.js';
import type { SequenceBatch } from '../../../src/tokens/sequences/sequence-loader.js';

const sentinels = Array.from({ length: 40 }, (_, index) => 200 + index);
const marks = { sentinels, end: 1 };
const modes = { regular: 100, sequential: 101, extreme: 102 };
const texts = Array.from({ length: 5 }, (_, text) => ({
  tokens: Array.from({ length: 24 }, (_, place) => 2 + ((7 * text + place) % 90)),
}));
const denoising = { denoisers: ul2Denoisers({ ...marks, modes }), sourceContext: 32, targetContext: 30, padding: 0 };

/** The rows of a batch, without their padding. */
function rowsOf({
  sources,
  targets,
  weights,
  batchSize,
  targetContext,
}: SequenceBatch): { source: number[]; target: number[] }[] {
  const kept = (all: Int32Array, marks: ArrayLike<number>, row: number, length: number): number[] =>
    [...all.subarray(row * length, (row + 1) * length)].filter((_, place) => marks[row * length + place] === 1);
  return Array.from({ length: batchSize }, (_, row) => ({
    source: kept(sources.inputs, sources.mask, row, sources.context),
    target: kept(targets, weights, row, targetContext),
  }));
}

/** The text that a source and its target are of. */
function restored({ source, target }: { source: number[]; target: number[] }): number[] {
  const spans = new Map<number, number[]>();
  let open: number[] = [];
  for (const token of target.slice(0, -1)) {
    if (token < 200) open.push(token);
    else spans.set(token, (open = []));
  }
  return source.slice(1, -1).flatMap((token) => spans.get(token) ?? [token]);
}

describe('denoisers', () => {
  it('never give more than they say, and lose nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.integer(), (length, seed) => {
        const tokens = Array.from({ length }, (_, place) => 2 + (place % 90));
        for (const [denoiser] of denoising.denoisers) {
          const { source, target } = denoiser.denoise(tokens, key(seed));
          const most = denoiser.lengths(length);
          expect(source.length).toBeLessThanOrEqual(most.source);
          expect(target.length).toBeLessThanOrEqual(most.target);
          expect(restored({ source: Array.from(source), target: Array.from(target) })).toEqual(tokens);
        }
      }),
    );
  });

  it('UL2’s seven begin with their modes, and leave out the shares of its table', () => {
    const tokens = Array.from({ length: 200 }, (_, place) => 2 + (place % 90));
    const shares = denoising.denoisers.map(([denoiser]) => {
      const drawn = Array.from({ length: 200 }, (_, draw) => denoiser.denoise(tokens, fold(key(2), draw)));
      const [mode] = Array.from(drawn[0]?.source ?? []);
      const left = drawn.map(({ target }) => Array.from(target).filter((token) => token > 1 && token < 100).length);
      const spans = drawn.map(({ target }) => Array.from(target).filter((token) => token >= 200).length);
      const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
      return [mode, Math.round(mean(left)) / 200, Math.round(mean(spans))];
    });
    const regular = [
      [100, 0.15, 10], // 30 tokens in spans of 3
      [100, 0.15, 4], // 30 / 8 = 3.75
    ];
    expect(shares.slice(0, 2)).toEqual(regular);
    expect(shares[2]?.[1]).toBeCloseTo(0.25, 1);
    expect(shares[2]?.[2]).toBe(1);
    expect(shares.slice(3)).toEqual([
      [102, 0.5, 33],
      [102, 0.5, 12], // 12.5, and halves go to the even neighbour
      [102, 0.15, 1],
      [102, 0.5, 2],
    ]);
  });

  it('the S-denoiser asks for the end: lengths from 1 to 2 · share · n − 1, evenly', () => {
    const denoiser = prefixDenoiser({ share: 0.25, sentinels });
    const tokens = Array.from({ length: 16 }, (_, place) => place);
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 1400; draw++) {
      const { source, target } = denoiser.denoise(tokens, fold(key(3), draw));
      expect([...Array.from(source).slice(0, -1), ...Array.from(target).slice(1)]).toEqual(tokens);
      counts.set(target.length - 1, (counts.get(target.length - 1) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 200) ** 2 / 200, 0);
    expect(chiSquare).toBeLessThan(22.5); // 6 degrees of freedom, once in a thousand
    expect(() => prefixDenoiser({ share: 0.6, sentinels })).toThrow(/no such share/);
  });

  it('are drawn by their rates', () => {
    const [a, b] = [spanDenoiser(marks), spanDenoiser(marks)];
    const rated: Rated[] = [
      [a, 1],
      [b, 3],
    ];
    expect([0, 0.24, 0.25, 0.9999].map((uniform) => denoiserAt(rated, uniform) === a)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('denoisingLoader', () => {
  const take = (options: LoaderOptions, count: number) => {
    const loader = denoisingLoader(texts, denoising, options);
    return Array.from({ length: count }, () => loader.next());
  };

  it('gives each text once an epoch, otherwise each time, by all kinds of denoisers', () => {
    const seen = take({ batchSize: 5, key: key(1) }, 30).map(rowsOf);
    for (const epoch of seen)
      expect(epoch.map((row) => restored(row).join()).sort()).toEqual(texts.map(({ tokens }) => tokens.join()).sort());
    expect(new Set(seen.map((epoch) => JSON.stringify(epoch))).size).toBe(30);
    expect(new Set(seen.flat().map(({ source }) => source[0]))).toEqual(new Set([100, 101, 102]));
  });

  it('gives any number of readers the same rows, from any cursor on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer(),
        (count, skipped, seed) => {
          const options = { batchSize: 6, key: key(seed) };
          const whole = denoisingLoader(texts, denoising, options);
          for (let batch = 0; batch < skipped; batch++) whole.next();
          const { cursor } = whole;
          const expected = rowsOf(whole.next());
          const parts = Array.from({ length: count }, (_, index) =>
            rowsOf(denoisingLoader(texts, denoising, { ...options, cursor, reader: { index, count } }).next()),
          );
          expect(expected.map((_, place) => parts[place % count]?.[Math.floor(place / count)])).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('pads with the token it is told, at weight 0', () => {
    const [batch] = take({ batchSize: 5, key: key(1) }, 1);
    batch?.sources.mask.forEach((mask, place) => {
      if (mask === 0) expect(batch.sources.inputs[place]).toBe(0);
    });
    expect(batch?.weights.length).toBe(150);
  });

  it('in order, the last batch filled up', () => {
    const batches = [...denoisedInOrder(texts, denoising, { batchSize: 2, key: key(1) })];
    const rows = batches.flatMap(rowsOf);
    expect(rows.slice(0, 5).map(restored)).toEqual(texts.map(({ tokens }) => tokens));
    expect(rows[5]).toEqual({ source: [], target: [] });
  });

  it('refuses rows that may not be long enough, and what cannot be drawn from', () => {
    const options = { batchSize: 1, key: key(1) };
    expect(() => denoisingLoader(texts, { ...denoising, targetContext: 12 }, options)).toThrow(
      /may be longer than a row[\s\S]*24 tokens/,
    );
    expect(() => denoisingLoader(texts, { ...denoising, denoisers: [] }, options)).toThrow(/no such denoisers/);
    expect(() => denoisingLoader([{ tokens: [4] }], denoising, options)).toThrow(/too short/);
    expect(() => denoisingLoader([], denoising, options)).toThrow(/no texts/);
  });
});

describe('sequenceLoader', () => {
  const pairs = [
    { source: [5, 6, 7], target: [8] },
    { source: [9], target: [10, 11] },
    { source: [12, 13], target: [14, 15] },
  ];
  const sizes = { sourceContext: 4, targetContext: 2, padding: 3 };

  it('gives every pair once an epoch, filled up', () => {
    const loader = sequenceLoader(pairs, sizes, { batchSize: 3, key: key(1) });
    const batch = loader.next();
    const order = loader.lastRows ?? [];
    expect([...order].sort()).toEqual([0, 1, 2]);
    expect(rowsOf(batch)).toEqual(order.map((row) => pairs[row]));
    expect(batch.sources.inputs.filter((token) => token === 3)).toHaveLength(6);
  });

  it('in order, and refused where one does not fit', () => {
    expect([...sequencesInOrder(pairs, sizes, 2)].flatMap(rowsOf)).toEqual([...pairs, { source: [], target: [] }]);
    expect(() => sequenceLoader(pairs, { ...sizes, targetContext: 1 }, { batchSize: 1, key: key(1) })).toThrow(
      /targets: text 1 does not fit/,
    );
    expect(() => sequenceLoader([{ source: [], target: [1] }], sizes, { batchSize: 1, key: key(1) })).toThrow(
      /sources: text 0/,
    );
  });
});
