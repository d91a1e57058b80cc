import { describe, expect, it } from 'vitest';
import { dropDuplicates } from '../../../src/data/table/drop-duplicates.js';
import { dropMissing } from '../../../src/data/table/drop-missing.js';
import { encodeCategories } from '../../../src/data/table/encode-categories.js';
import { features } from '../../../src/data/table/features.js';
import type { Features } from '../../../src/data/table/features.js';
import { fit, transform } from '../../../src/data/table/fit.js';
import { labels } from '../../../src/data/table/labels.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { standardScaler } from '../../../src/data/table/scaling.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';
import truth from './fixtures/tables.json' with { type: 'json' };

const { flow } = truth;

// From a file to arrays, as a user writes it.
const credit = await readTable('credit_data');
const complete = dropMissing(credit);
const clean = dropDuplicates(complete.table);
const { train, test } = trainTestSplit(clean.table, { testSize: 0.2, seed: 42, stratify: 'Status', order: 'sklearn' });
const prepared = fit(train, standardScaler({ except: ['Status'] }), encodeCategories({ except: ['Status'] }));
const inputs = features(transform(prepared, train), { except: ['Status'] });
const testInputs = features(transform(prepared, test), { except: ['Status'] });
const targets = labels(train, 'Status');
const testTargets = labels(test, 'Status', targets.classes);

function means({ numRows, columns, values }: Features): Record<string, number> {
  return Object.fromEntries(
    columns.map((name, column) => {
      const own = values.filter((_, place) => place % columns.length === column);
      return [name, own.reduce((sum, value) => sum + value, 0) / numRows];
    }),
  );
}

/** Names and numbers of the fixture, numbers to 32 bits. */
const close = (names: readonly string[], numbers: readonly number[]): Record<string, number> =>
  Object.fromEntries(names.map((name, index) => [name, expect.closeTo(numbers[index] ?? NaN, 6) as number]));

describe('from credit_data to arrays, as pandas and scikit-learn do it', () => {
  it('keeps as many rows at each step, and knows why others went', () => {
    expect([credit, complete.table, clean.table, train, test].map((table) => table.numRows())).toEqual([
      flow.read,
      flow.complete,
      flow.clean,
      flow.train,
      flow.test,
    ]);
    const missing = credit.columnNames().map((name) => [name, countOf(name)] as const);
    expect(Object.fromEntries(missing)).toEqual(flow.missing);
    expect(clean.dropped.map(({ row }) => row)).toEqual(flow.duplicates);
  });

  it('scales by the same means and deviations', () => {
    const [scaling] = prepared;
    if (scaling?.kind !== 'scaling') throw new Error('no scaling');
    expect(scaling.columns.map(({ name }) => name)).toEqual(flow.numeric);
    scaling.columns.forEach(({ centre, scale }, column) => {
      expect(centre).toBeCloseTo(flow.means[column] ?? NaN, 9);
      expect(scale).toBeCloseTo(flow.scales[column] ?? NaN, 9);
    });
  });

  it('makes the same columns, with the same means in both parts and the same first row', () => {
    const names = [...flow.numeric, ...flow.oneHot];
    expect(inputs.columns.toSorted()).toEqual(names.toSorted());
    expect(testInputs.columns).toEqual(inputs.columns);
    expect(means(inputs)).toEqual(close(names, flow.trainMeans));
    expect(means(testInputs)).toEqual(close(names, flow.testMeans));
    const first = testInputs.columns.map((name, column) => [name, testInputs.values[column]]);
    expect(Object.fromEntries(first)).toEqual(close(names, flow.firstTest));
  });

  it('numbers classes and categories alike', () => {
    expect(targets.classes).toEqual(['bad', 'good']);
    expect([...testTargets.indices.subarray(0, 20)]).toEqual(flow.labels);
    const columns = ['Home', 'Marital', 'Records', 'Job'];
    const ordinal = transform(fit(train, encodeCategories(columns, { form: 'ordinal' })), test);
    const [home = [], marital = [], records = [], job = []] = columns.map((name) => ordinal.array(name) as number[]);
    expect(flow.firstOrdinal.map((_, row) => [home[row], marital[row], records[row], job[row]])).toEqual(
      flow.firstOrdinal,
    );
  });
});

function countOf(name: string): number {
  return complete.dropped.filter(({ missing }) => missing.includes(name)).length;
}
