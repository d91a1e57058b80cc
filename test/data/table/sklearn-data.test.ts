import { createHash } from 'node:crypto';
import { table } from 'arquero';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fit, transform } from '../../../src/data/table/fit.js';
import { asTrain } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { minMaxScaler, robustScaler, standardScaler } from '../../../src/data/table/scaling.js';
import { timeFolds } from '../../../src/data/table/time-folds.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';
import truth from './fixtures/prepared.json' with { type: 'json' };

const range = (size: number): number[] => Array.from({ length: size }, (_, row) => row);
const hash = (rows: ArrayLike<number>): string => createHash('sha256').update(Array.from(rows).join(',')).digest('hex');
const cancer = await readTable('breast_cancer');

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  const { test } = trainTestSplit(cancer, { testSize: 0.2, seed: 42 });
  // @ts-expect-error rows of a test part may not become training rows
  timeFolds(test, { time: 'mean_area', folds: 3 });
}

describe("scikit-learn's own data sets", () => {
  it.each([
    ['standard', standardScaler],
    ['minMax', minMaxScaler],
    ['robust', robustScaler],
  ] as const)('breast_cancer: the %s scaler gives the same numbers in all 30 columns', (name, scaler) => {
    const rows = asTrain(cancer);
    const scaled = transform(fit(rows, scaler({ except: ['diagnosis'] })), rows);
    const columns = cancer.columnNames().filter((column) => column !== 'diagnosis');
    expect([0, 300, 568].map((row) => columns.map((column) => scaled.get(column, row) as number))).toEqual(
      truth.scalers[name].map((row) => row.map((value) => expect.closeTo(value, 9) as number)),
    );
  });

  it('breast_cancer: the rows of StratifiedShuffleSplit', () => {
    const { rows } = trainTestSplit(cancer, { testSize: 0.3, seed: 7, stratify: 'diagnosis', order: 'sklearn' });
    expect([hash(rows.train), hash(rows.test)]).toEqual([truth.stratified.train, truth.stratified.test]);
  });

  it('digits: the rows of GroupShuffleSplit', async () => {
    const digits = await readTable('digits');
    const group = range(digits.numRows()).map((row) => (row * 7919) % 131);
    const grouped = digits.assign({ group });
    const { rows, test } = trainTestSplit(grouped, { testSize: 0.2, seed: 42, group: 'group', order: 'sklearn' });
    expect([hash(rows.train), hash(rows.test)]).toEqual([truth.group.train, truth.group.test]);
    expect(test.numRows()).toBe(truth.group.size);
  });
});

describe('timeFolds', () => {
  it.each(truth.time)('$folds folds of $rows rows with a gap of $gap: the rows of TimeSeriesSplit', (expected) => {
    const { rows, folds, gap, splits } = expected;
    const found = timeFolds(range(rows), { time: range(rows), folds, gap });
    expect(found.map((fold) => [[...fold.rows.train], [...fold.rows.test]])).toEqual(splits);
  });

  it('goes by time, not by place; divides no time; takes dates and ISO strings', () => {
    // Times 1 1 2 2 2 3, two folds: blocks of 2 begin at places 2 and 4, but 4 lies inside the rows of time 2, which are one block.
    const when = ['2001', '2003', '2002', '2001', '2002', '2002'];
    expect(() => timeFolds(when, { time: when, folds: 2 })).toThrow(/fold 1 has no row to test on/u);
    const [only] = timeFolds(table({ when }), { time: 'when', folds: 1 });
    expect([only?.train.array('when'), only?.test.array('when')]).toEqual([
      ['2001', '2001'],
      ['2002', '2002', '2002', '2003'],
    ]);
    const dates = when.map((year) => new Date(`${year}-01-01`));
    expect(timeFolds(dates, { time: dates, folds: 1 })[0]?.rows).toEqual(only?.rows);
  });

  it('never trains on what is not earlier than each row tested on', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 12, maxLength: 60 }), (times) => {
        let found;
        try {
          found = timeFolds(times, { time: times, folds: 3 });
        } catch {
          return; // too few times
        }
        for (const { train, test } of found) expect(Math.max(...train)).toBeLessThan(Math.min(...test));
        const tested = found.flatMap(({ rows }) => [...rows.test]);
        expect(new Set(tested).size).toBe(tested.length);
      }),
    );
  });

  it('refuses folds that cannot be, and missing times', () => {
    expect(() => timeFolds([1, 2], { time: [1, 2], folds: 2 })).toThrow(/no such folds\s+received: 2 folds of 2 rows/u);
    expect(() => timeFolds([1, 2, 3], { time: [1, 2, 3], folds: 2, gap: 5 })).toThrow('no row to train on');
    expect(() => timeFolds([1, 2], { time: [1, NaN], folds: 1 })).toThrow(
      /timeFolds: a value of \{ time \} is missing/u,
    );
    expect(() => timeFolds([1, 2], { time: [1], folds: 1 })).toThrow(/timeFolds: there is not one item a row/u);
  });
});
