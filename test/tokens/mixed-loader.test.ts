import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { endless, listed } from '../../src/tokens/loader.js';
import type { Cursor, Loader, LoaderOptions } from '../../src/tokens/loader.js';
import { mixedLoader } from '../../src/tokens/mixed-loader.js';

/** A loader of the numbers of its rows, in their order; it may end an epoch with a batch of −1s. */
const counting =
  (numRows: number, endsBatches = false) =>
  (options: LoaderOptions): Loader<number[]> =>
    endless<number[]>('counting', options, {
      numRows,
      endsBatches,
      empty: (batchSize) => new Array<number>(batchSize).fill(-1),
      order: () => listed(Array.from({ length: numRows }, (_, row) => row)),
      copy: (row, batch, place) => {
        batch[place] = row;
      },
    });
const kinds = { a: [counting(5), 0.75], b: [counting(3), 0.25] } as const;

describe('mixedLoader', () => {
  it('gives each kind its share of the rows, at its own pace; an epoch ends with the slowest', () => {
    const batches = mixedLoader(kinds, { batchSize: 4, key: key(1) });
    const seen = [1, 2, 3, 4].map(() => ({ ...batches.next(), cursor: batches.cursor }));
    expect(seen).toEqual([
      { a: [0, 1, 2], b: [0], cursor: { epoch: 0, row: 4 } },
      { a: [3, 4, 0], b: [1], cursor: { epoch: 0, row: 8 } },
      { a: [1, 2, 3], b: [2], cursor: { epoch: 1, row: 0 } }, // three batches, for the three rows of b
      { a: [4, 0, 1], b: [0], cursor: { epoch: 1, row: 4 } },
    ]);
    expect(batches.numRows).toBe(12);
  });

  it('orders each kind by a key of its own', () => {
    const keys: string[] = [];
    const kept = (name: string) => (options: LoaderOptions) => {
      keys.push(`${name} ${options.key.words.join()}`);
      return counting(3)(options);
    };
    mixedLoader({ a: [kept('a'), 0.5], b: [kept('b'), 0.5] }, { batchSize: 2, key: key(1) });
    expect(new Set(keys.map((text) => text.slice(2))).size).toBe(2);
  });

  it('goes on from any cursor, with any number of readers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 0, max: 12 }),
        (first, second, endsBatches, count, before) => {
          const both = { a: [counting(first), 0.5], b: [counting(second, endsBatches), 0.5] } as const;
          const options = { batchSize: 4, key: key(1) };
          const whole = mixedLoader(both, options);
          for (let done = 0; done < before; done++) whole.next();
          const cursor = JSON.parse(JSON.stringify(whole.cursor)) as Cursor;
          const parts = Array.from({ length: count }, (_, index) =>
            mixedLoader(both, { ...options, cursor, reader: { index, count } }),
          );
          for (let step = 0; step < 4; step++) {
            const expected = whole.next();
            const batches = parts.map((part) => part.next());
            const joined = (name: 'a' | 'b') =>
              Array.from({ length: 2 }, (_, row) => batches[row % count]?.[name][Math.floor(row / count)]);
            expect({ a: joined('a'), b: joined('b') }).toEqual(expected);
            expect(parts[0]?.cursor).toEqual(whole.cursor);
          }
        },
      ),
    );
  });

  it('refuses shares that are no rows, and cursors of other loaders', () => {
    const options = { batchSize: 4, key: key(1) };
    expect(() => mixedLoader({ a: [counting(5), 0.9], b: [counting(3), 0.1] }, options)).toThrow(/share of a/);
    expect(() => mixedLoader({ a: [counting(5), 0.5] }, options)).toThrow(/do not add up/);
    expect(() => mixedLoader(kinds, { ...options, cursor: { epoch: 0, row: 3 } })).toThrow(/multiple of 4/);
    expect(() => mixedLoader(kinds, { ...options, reader: { index: 0, count: 2 } })).toThrow(/readers/);
  });
});
