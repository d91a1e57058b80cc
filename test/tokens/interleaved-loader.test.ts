import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { interleavedLoader } from '../../src/tokens/interleaved-loader.js';
import type { InterleavedKind } from '../../src/tokens/interleaved-loader.js';
import type { Batch, Cursor } from '../../src/tokens/loader.js';
import type { Packed } from '../../src/tokens/pack.js';
import { rowDocuments } from '../../src/tokens/row-documents.js';

/** Rows of one number each, from `first` on; every target counts. */
function rowsFrom(first: number, numRows: number, context = 2, named = false): Packed {
  const numTokens = numRows * context;
  return {
    context,
    numRows,
    tokens: Int32Array.from(
      { length: numRows * (context + 1) },
      (_, place) => first + Math.floor(place / (context + 1)),
    ),
    weights: new Uint8Array(numTokens).fill(1),
    numTokens,
    numBytes: numTokens,
    ...(named && {
      documents: new Int32Array(numTokens).fill(3),
      positions: new Int32Array(numTokens).fill(1),
      rowDocuments: rowDocuments(
        Array.from({ length: numRows }, (_, row) => `row ${first + row}`),
        Array.from({ length: numRows }, (_, row) => [row]),
      ),
    }),
  };
}

/** The number of each row of a batch. */
const numbersOf = ({ inputs, batchSize, context }: Batch): number[] =>
  Array.from({ length: batchSize }, (_, row) => inputs[row * context] ?? -1);

describe('interleavedLoader', () => {
  it('gives the row to the kind that lacks most of its share', () => {
    const kinds = {
      a: { stages: [rowsFrom(0, 6)], share: 0.75 },
      b: { stages: [rowsFrom(100, 50)], share: 0.25, endsEpoch: false },
    };
    const batches = interleavedLoader(kinds, { batchSize: 3, key: key(1) });
    expect(batches.numRows).toBe(8); // 6 / 0.75: the 50 rows of b do not prolong it
    const seen = [1, 2, 3, 4].flatMap(() => numbersOf(batches.next()).map((row) => (row < 100 ? 'a' : 'b')));
    // By hand: row n goes to the larger of 0.75 (n + 1) − a and 0.25 (n + 1) − b; a where they are equal.
    // n = 0: 0.75, 0.25; n = 1: 0.5, 0.5; n = 2: 0.25, 0.75; n = 3: 1, 0.
    expect(seen.join('')).toBe('aabaaabaaaba');
  });

  it('deals no kind a row more than its share, whatever the shares', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      (parts, batchSize) => {
        const total = parts.reduce((sum, part) => sum + part, 0);
        const kinds = Object.fromEntries(
          parts.map((part, kind) => [
            `kind ${kind}`,
            { stages: [rowsFrom(1000 * kind, 1 + (part % 4))], share: part / total },
          ]),
        );
        const batches = interleavedLoader(kinds, { batchSize, key: key(1) });
        const given = parts.map(() => 0);
        let n = 0;
        for (let step = 0; step < 5; step++) {
          for (const row of numbersOf(batches.next())) {
            const kind = Math.floor(row / 1000);
            given[kind] = (given[kind] ?? 0) + 1;
            n++;
            parts.forEach((part, each) => {
              expect((given[each] ?? 0) - (part / total) * n).toBeLessThan(1 + 1e-9);
            });
          }
        }
      },
    );
    fc.assert(property, { numRuns: 30 });
  });

  it('gives every row of the kinds that end an epoch in each of them', () => {
    const kinds = { a: { stages: [rowsFrom(0, 7)], share: 0.5 }, b: { stages: [rowsFrom(100, 3)], share: 0.5 } };
    const batches = interleavedLoader(kinds, { batchSize: 14, key: key(1) });
    expect(batches.numRows).toBe(14);
    for (const epoch of [0, 1]) {
      const rows = numbersOf(batches.next());
      const own = rows.filter((row) => row < 100).sort((a, b) => a - b);
      expect(own, `epoch ${epoch}`).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(new Set(rows.filter((row) => row >= 100)).size).toBe(3);
    }
  });

  it('goes through stages in their order, within each at random', () => {
    const stages = [rowsFrom(0, 20), rowsFrom(20, 10), rowsFrom(30, 30)];
    const batches = interleavedLoader({ a: { stages, share: 1 } }, { batchSize: 60, key: key(1) });
    const epochs = [numbersOf(batches.next()), numbersOf(batches.next())];
    for (const rows of epochs) {
      const stageOf = (row: number): number => (row < 20 ? 0 : row < 30 ? 1 : 2);
      expect(rows.map(stageOf)).toEqual([...rows].sort((a, b) => a - b).map(stageOf));
      expect(new Set(rows).size).toBe(60);
      expect(rows).not.toEqual([...rows].sort((a, b) => a - b));
    }
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('fills shorter rows up, and weighs a kind’s targets', () => {
    const kinds = {
      a: { stages: [rowsFrom(5, 1, 4, true)], share: 0.5 },
      b: { stages: [rowsFrom(9, 1, 2)], share: 0.5, weight: 2.5 },
    };
    const batches = interleavedLoader(kinds, { batchSize: 2, key: key(1) });
    const batch = batches.next();
    expect([...batch.inputs]).toEqual([5, 5, 5, 5, 9, 9, 0, 0]);
    expect([...batch.weights]).toEqual([1, 1, 1, 1, 2.5, 2.5, 0, 0]);
    expect([...(batch.documents ?? [])]).toEqual([3, 3, 3, 3, 0, 0, 0, 0]);
    expect([...(batch.positions ?? [])]).toEqual([1, 1, 1, 1, 0, 1, 0, 0]);
    expect(batches.lastRows?.map((row) => batches.documentsOf?.(row))).toEqual([['row 5'], []]);
  });

  it('goes on from any cursor, with any number of readers', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 12 }),
      (first, second, part, count, before) => {
        const kinds: Record<string, InterleavedKind> = {
          a: { stages: [rowsFrom(0, first), rowsFrom(50, second)], share: part / 10 },
          b: { stages: [rowsFrom(100, second)], share: 1 - part / 10, endsEpoch: part > 5 },
        };
        const options = { batchSize: 6, key: key(1) };
        const whole = interleavedLoader(kinds, options);
        for (let done = 0; done < before; done++) whole.next();
        const cursor = JSON.parse(JSON.stringify(whole.cursor)) as Cursor;
        const readers = Array.from({ length: count }, (_, index) =>
          interleavedLoader(kinds, { ...options, cursor, reader: { index, count } }),
        );
        for (let step = 0; step < 4; step++) {
          const rows = numbersOf(whole.next());
          const own = readers.map((reader) => numbersOf(reader.next()));
          expect(own).toEqual(readers.map((_, index) => rows.filter((_row, place) => place % count === index)));
          for (const reader of readers) expect(reader.cursor).toEqual(whole.cursor);
        }
      },
    );
    fc.assert(property, { numRuns: 50 });
  });

  it('refuses what is no whole', () => {
    const make = (kinds: Record<string, InterleavedKind>) => () =>
      interleavedLoader(kinds, { batchSize: 2, key: key(1) });
    const rows = [rowsFrom(0, 2)];
    expect(make({})).toThrow('no kind ends an epoch');
    expect(make({ a: { stages: [], share: 1 } })).toThrow('a has no rows');
    expect(make({ a: { stages: rows, share: 0.5 }, b: { stages: rows, share: 0.6 } })).toThrow(
      'the shares do not make a whole',
    );
    expect(make({ a: { stages: rows, share: 1 }, b: { stages: rows, share: 0 } })).toThrow('above 0');
    expect(make({ a: { stages: rows, share: 1, endsEpoch: false } })).toThrow('no kind ends an epoch');
  });
});
