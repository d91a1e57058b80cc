import { table } from 'arquero';
import type { ColumnTable } from 'arquero';
import { describe, expect, it } from 'vitest';
import { encodeCategories } from '../../../src/data/table/encode-categories.js';
import { features } from '../../../src/data/table/features.js';
import { fit, parseFitted, transform } from '../../../src/data/table/fit.js';
import { asTest, asTrain } from '../../../src/data/table/part.js';
import type { Test } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { standardScaler } from '../../../src/data/table/scaling.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';

const train = asTrain(
  table({ home: ['rent', 'own', 'rent', 'own'], age: [20, 30, 40, 50], bad: [true, false, true, true] }),
);
const test = asTest(table({ home: ['own', 'free'], age: [35, 65], bad: [false, true] }));

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const credit = await readTable('credit_data', { columns: { Age: 'number', Status: 'string' } });
  const scaler = standardScaler(['Age']);
  // @ts-expect-error learned from all rows, it would know those of the test
  fit(credit, scaler);
  // @ts-expect-error the same of a table without types
  fit(table({ x: [1] }), scaler);
  const parts = trainTestSplit(credit, { testSize: 0.2, seed: 42 });
  fit(parts.train, scaler);
  // @ts-expect-error test rows teach nothing
  fit(parts.test, scaler);
  const prepared = transform(fit(parts.train, scaler), parts.test);
  // @ts-expect-error a transformed test part is one still
  fit(prepared, scaler);
  const filtered = parts.train.filter('d => d.Age > 20');
  fit(filtered, scaler); // rows left out of a training part leave one
  // @ts-expect-error test rows among training rows
  parts.train.concat(parts.test);
  // @ts-expect-error columns computed from another table
  parts.train.join(parts.test, 'Age');
  const shown = (rows: ColumnTable): number => rows.numRows();
  shown(parts.train); // to Arquero either is a table
  const tested = (rows: Test<ColumnTable>): number => rows.numRows();
  tested(prepared);
  // @ts-expect-error no training part is a test part
  tested(parts.train);
}

describe('fit and transform', () => {
  it('learn categories and numbers from training rows and apply them to others', () => {
    const prepared = fit(train, encodeCategories(['home']), standardScaler(['age']));
    expect(transform(prepared, train).objects()).toEqual([
      { 'home=own': 0, 'home=rent': 1, age: -15 / Math.sqrt(125), bad: true },
      { 'home=own': 1, 'home=rent': 0, age: -5 / Math.sqrt(125), bad: false },
      { 'home=own': 0, 'home=rent': 1, age: 5 / Math.sqrt(125), bad: true },
      { 'home=own': 1, 'home=rent': 0, age: 15 / Math.sqrt(125), bad: true },
    ]);
    expect(() => transform(prepared, test)).toThrow(
      /column home has a category that training did not see\s+received: "free" in row 1\s+expected: one of own, rent/u,
    );
  });

  it('let an unknown category be none, where that is asked for', () => {
    const prepared = fit(train, encodeCategories(['home'], { unknown: 'zeros' }));
    const rows = transform(prepared, test);
    expect([rows.array('home=own'), rows.array('home=rent')]).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });

  it('number categories in their place, and take booleans and all strings except some', () => {
    const prepared = fit(train, encodeCategories({ except: ['bad'] }, { form: 'ordinal' }));
    expect(transform(prepared, train).array('home')).toEqual([1, 0, 1, 0]);
    expect(fit(train, encodeCategories({ except: [] }))).toMatchObject([
      { columns: [{ name: 'home' }, { name: 'bad', categories: [false, true] }] },
    ]);
  });

  it('are saved as JSON and read again, to the last bit', () => {
    const prepared = fit(train, standardScaler(['age']), encodeCategories(['home']));
    const read = parseFitted(JSON.parse(JSON.stringify(prepared)));
    expect(read).toEqual(prepared);
    expect(transform(read, train).objects()).toEqual(transform(prepared, train).objects());
    expect(() => parseFitted([{ kind: 'scaling', columns: [{ name: 'age', centre: null, scale: 1 }] }])).toThrow(
      /this is not what fit gave[\s\S]*centre/u,
    );
  });

  it('leave the table as it is, and refuse missing categories and columns that would meet', () => {
    expect(train.columnNames()).toEqual(['home', 'age', 'bad']);
    const gap = asTrain(table({ home: ['a', null] }));
    expect(() => fit(gap, encodeCategories(['home']))).toThrow(/column home has a value that is no category/u);
    const meeting = asTrain(table({ 'a=b': [1], a: ['b'] }));
    expect(() => fit(meeting, encodeCategories(['a']))).toThrow(/two columns would have one name\s+received: a=b/u);
    const prepared = fit(train, standardScaler(['age']));
    expect(() => transform(prepared, table({ home: ['own'] }))).toThrow('no such column');
  });

  it('take rows that Arquero filters or sorts as it shows them', () => {
    const shown = train.filter((row: { age: number }) => row.age > 20).orderby('home');
    const { values } = features(transform(fit(shown, encodeCategories(['home'])), shown), ['age', 'home=own', 'bad']);
    expect([...values]).toEqual([30, 1, 0, 50, 1, 1, 40, 0, 1]);
  });
});
