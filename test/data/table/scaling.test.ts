import { table } from 'arquero';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fit, transform } from '../../../src/data/table/fit.js';
import { asTrain } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { minMaxScaler, robustScaler, standardScaler } from '../../../src/data/table/scaling.js';
import truth from './fixtures/tables.json' with { type: 'json' };

const scalers = {
  standard: (columns: readonly string[]) => standardScaler(columns),
  minMax: (columns: readonly string[]) => minMaxScaler(columns),
  minMaxWide: (columns: readonly string[]) => minMaxScaler(columns, [-1, 3]),
  robust: (columns: readonly string[]) => robustScaler(columns),
};

describe('scalers', () => {
  it.each(truth.scalers)('$method of $dataset as scikit-learn’s', async ({ method, dataset, columns, at, rows }) => {
    const train = asTrain(await readTable(dataset));
    const scaled = transform(fit(train, scalers[method as keyof typeof scalers](columns)), train);
    const values = columns.map((name) => scaled.array(name) as (number | null)[]);
    expect(rows.flat().includes(null)).toBe(dataset === 'credit_data');
    rows.forEach((row, index) => {
      row.forEach((expected, column) => {
        const value = values[column]?.[at[index] ?? -1];
        if (expected === null) expect(value).toBeNull();
        else expect(value).toBeCloseTo(expected, 11);
      });
    });
    expect(scaled.columnNames()).toEqual(train.columnNames());
  });

  it('by hand', () => {
    const train = asTrain(table({ x: [1, 2, 3, 4, 10], c: [7, 7, 7, 7, 7] }));
    const of = (scaler: ReturnType<typeof standardScaler>): unknown => fit(train, scaler)[0];
    const scaling = (...columns: readonly [string, number, number][]): unknown => ({
      kind: 'scaling',
      columns: columns.map(([name, centre, scale]) => ({ name, centre, scale })),
    });
    // mean 4, squares 9 + 4 + 1 + 0 + 36 = 50 over 5; a constant column is centred only
    expect(of(standardScaler(['x', 'c']))).toEqual(scaling(['x', 4, Math.sqrt(10)], ['c', 7, 1]));
    expect(of(minMaxScaler(['x', 'c']))).toEqual(scaling(['x', 1, 9], ['c', 7, 1]));
    expect(of(robustScaler(['x', 'c']))).toEqual(scaling(['x', 3, 2], ['c', 7, 1]));
    expect(of(standardScaler({ except: ['c'] }))).toEqual(scaling(['x', 4, Math.sqrt(10)]));
  });

  it('finds numbers constant that differ by rounding alone, and keeps large ones apart', () => {
    const near = Array.from({ length: 10 }, (_, index) => (index === 0 ? 0.1 + 0.2 : 0.3));
    const far = [1e9, 1e9 + 1, 1e9 + 2];
    const [scaling] = fit(asTrain(table({ near })), standardScaler(['near']));
    expect(scaling).toMatchObject({ columns: [{ scale: 1 }] });
    const [large] = fit(asTrain(table({ far })), standardScaler(['far']));
    expect(large).toEqual({ kind: 'scaling', columns: [{ name: 'far', centre: 1e9 + 1, scale: Math.sqrt(2 / 3) }] });
  });

  it('make mean 0 and deviation 1, or the range asked for, of any numbers', () => {
    const numbers = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(numbers, (x) => {
        fc.pre(new Set(x).size > 1);
        const train = asTrain(table({ x }));
        const standard = transform(fit(train, standardScaler(['x'])), train).array('x') as number[];
        const mean = standard.reduce((sum, value) => sum + value, 0) / x.length;
        const square = standard.reduce((sum, value) => sum + value ** 2, 0) / x.length;
        expect([mean, square - 1]).toEqual([expect.closeTo(0, 9), expect.closeTo(0, 9)]);
        const ranged = transform(fit(train, minMaxScaler(['x'], [-1, 2])), train).array('x') as number[];
        expect([Math.min(...ranged), Math.max(...ranged)]).toEqual([expect.closeTo(-1, 9), expect.closeTo(2, 9)]);
      }),
    );
  });

  it('refuses what has no scale', () => {
    const train = asTrain(table({ empty: [null, NaN], infinite: [1, Infinity], text: ['1', 'a'], x: [1, 2] }));
    expect(() => fit(train, standardScaler(['empty']))).toThrow(/column empty cannot be scaled\s+received: no value/u);
    expect(() => fit(train, robustScaler(['infinite']))).toThrow(/column infinite[\s\S]*an infinite value/u);
    expect(() => fit(train, minMaxScaler(['text']))).toThrow(
      /column text has a value that is no number\s+received: "1"/u,
    );
    expect(() => fit(train, minMaxScaler(['nowhere']))).toThrow('no such column');
    expect(() => fit(train, standardScaler([]))).toThrow('no column is chosen');
    expect(() => fit(train, standardScaler(['x', 'x']))).toThrow('a column is chosen twice');
    expect(() => minMaxScaler(['x'], [1, 1])).toThrow('no such range');
  });
});
