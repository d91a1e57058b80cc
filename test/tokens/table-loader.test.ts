import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Features } from '../../src/data/table/features.js';
import { asTest } from '../../src/data/table/part.js';
import { key } from '../../src/engine/key.js';
import type { Cursor, Loader } from '../../src/tokens/loader.js';
import { tableBatches, tableLoader } from '../../src/tokens/table-loader.js';
import type { TableBatch } from '../../src/tokens/table-loader.js';

/** Row r is r + 1, −r − 1 with target 10 (r + 1), so that padding, all zeros, is no row. */
function rowsOf(numRows: number): { readonly x: Features; readonly y: Int32Array } {
  return {
    x: {
      numRows,
      columns: ['a', 'b'],
      values: Float32Array.from(
        { length: 2 * numRows },
        (_, place) => (1 + Math.floor(place / 2)) * (place % 2 ? -1 : 1),
      ),
    },
    y: Int32Array.from({ length: numRows }, (_, row) => 10 * (row + 1)),
  };
}
const { x, y } = rowsOf(7);

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error a model learns nothing from test rows
  tableLoader(asTest(x), y, { batchSize: 2, key: key(1) });
  [...tableBatches(asTest(x), y, 2)].map(({ targets }) => targets);
  const batch: TableBatch<Int32Array> = tableLoader(x, y, { batchSize: 2, key: key(1) }).next();
  const floats = ({ targets }: TableBatch<Float32Array>): Float32Array => targets;
  // @ts-expect-error places of classes, not numbers
  floats(batch);
}

const take = <B>(from: Loader<B>, count: number): B[] => Array.from({ length: count }, () => from.next());
const targetsOf = (batches: readonly TableBatch[]): number[] => batches.flatMap(({ targets }) => [...targets]);
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe('tableLoader', () => {
  it('gives every row once an epoch with its target, in another order each time; the last batch is filled with weight 0', () => {
    const batches = tableLoader(x, y, { batchSize: 3, key: key(4) });
    const epochs = [take(batches, 3), take(batches, 3)];
    for (const epoch of epochs) {
      expect(ascending(targetsOf(epoch))).toEqual([0, 0, 10, 20, 30, 40, 50, 60, 70]);
      expect(epoch.map(({ weights }) => [...weights])).toEqual([
        [1, 1, 1],
        [1, 1, 1],
        [1, 0, 0],
      ]);
      for (const { inputs, targets, batchSize } of epoch) {
        expect(inputs).toEqual(Float32Array.from([...targets].flatMap((target) => [target / 10, -target / 10 + 0])));
        expect(batchSize).toBe(3);
      }
    }
    expect(targetsOf(epochs[0] ?? [])).not.toEqual(targetsOf(epochs[1] ?? []));
    expect(batches.cursor).toEqual({ epoch: 2, row: 0 });
  });

  it('goes on from a cursor, saved anywhere, as it would have', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 10 }),
        fc.nat(),
        fc.array(fc.boolean(), { maxLength: 12 }),
        (batchSize, numRows, seed, interruptions) => {
          const rows = rowsOf(numRows);
          const make = (cursor?: Cursor): Loader<TableBatch> =>
            tableLoader(rows.x, rows.y, { batchSize, key: key(seed), ...(cursor && { cursor }) });
          const whole = take(make(), interruptions.length);
          let one = make();
          const parts = interruptions.map((interrupted) => {
            if (interrupted) one = make(JSON.parse(JSON.stringify(one.cursor)) as Cursor);
            return one.next();
          });
          expect(parts).toEqual(whole);
        },
      ),
    );
  });

  it('gives readers the batch of one, part by part', () => {
    const options = { batchSize: 4, key: key(2) };
    const whole = targetsOf(take(tableLoader(x, y, options), 4));
    const [even, odd] = [0, 1].map((index) =>
      targetsOf(take(tableLoader(x, y, { ...options, reader: { index, count: 2 } }), 4)),
    );
    expect(even?.flatMap((target, place) => [target, odd?.[place]])).toEqual(whole);
  });

  it('gives rows the weights of their classes, and numbers as targets', () => {
    const weights = Float32Array.from(y, (target) => target / 100);
    const floats = Float32Array.from(y, (target) => target / 4);
    const batch: TableBatch = tableLoader(x, floats, { batchSize: 8, key: key(3), weights }).next();
    expect(batch.targets).toBeInstanceOf(Float32Array);
    batch.targets.forEach((target, place) => {
      expect(batch.weights[place]).toBe(Math.fround((4 * target) / 100));
    });
  });

  it('refuses what is not of the same rows', () => {
    const options = { batchSize: 2, key: key(1) };
    expect(() => tableLoader(x, y.subarray(1), options)).toThrow(/7 rows of 2 columns, 14 values, 6 targets/u);
    expect(() => tableLoader(x, y, { ...options, weights: new Float32Array(3) })).toThrow('3 weights');
    expect(() => tableLoader(rowsOf(0).x, rowsOf(0).y, options)).toThrow('not of the same rows');
    expect(() => tableLoader(x, y, { ...options, batchSize: 0 })).toThrow('batch size must be positive');
    expect(() => tableLoader(x, y, { ...options, cursor: { epoch: 0, row: 7 } })).toThrow('a row from 0 to 6');
  });
});

describe('tableBatches', () => {
  it('gives every row once, in order, and fills the last batch with rows of no weight', () => {
    const batches = [...tableBatches(x, y, 4)];
    expect(targetsOf(batches)).toEqual([10, 20, 30, 40, 50, 60, 70, 0]);
    expect(batches.map(({ weights }) => [...weights])).toEqual([
      [1, 1, 1, 1],
      [1, 1, 1, 0],
    ]);
    expect(() => [...tableBatches(x, y, 0)]).toThrow('tableBatches: the batch size must be positive');
  });
});
