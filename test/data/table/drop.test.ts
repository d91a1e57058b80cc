import { table } from 'arquero';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropDuplicates } from '../../../src/data/table/drop-duplicates.js';
import { dropMissing } from '../../../src/data/table/drop-missing.js';
import { readTable } from '../../../src/data/table/read-table.js';

const people = table({ name: ['a', 'b', null, 'd', 'b'], age: [1, NaN, undefined, 4, NaN] });

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const credit = await readTable('credit_data', { columns: { Age: 'number', Home: 'string' } });
  dropMissing(credit, ['Age']);
  // @ts-expect-error a column that is not there
  dropMissing(credit, ['Agee']);
  // @ts-expect-error a column that was not read
  dropDuplicates(dropMissing(credit).table, ['Income']);
  // Of columns made by Arquero the compiler knows nothing.
  dropMissing(credit.derive({ old: 'd => d.Age > 50' }), ['old']);
}

describe('dropMissing', () => {
  it('drops rows with null, undefined or NaN, and says which and why', () => {
    const { table: rest, dropped } = dropMissing(people);
    expect(rest.objects()).toEqual([
      { name: 'a', age: 1 },
      { name: 'd', age: 4 },
    ]);
    expect(dropped).toEqual([
      { row: 1, missing: ['age'] },
      { row: 2, missing: ['name', 'age'] },
      { row: 4, missing: ['age'] },
    ]);
    expect(people.numRows()).toBe(5); // as it was
  });

  it('looks at some columns only', () => {
    expect(dropMissing(people, ['name']).dropped).toEqual([{ row: 2, missing: ['name'] }]);
    expect(() => dropMissing(people, ['nam'])).toThrow(/dropMissing: the table has no such column\s+received: nam/u);
  });

  it('counts the rows that the table shows, in their order', () => {
    const sorted = people.filter((row: { name: string }) => row.name !== 'a').orderby('name');
    const { table: rest, dropped } = dropMissing(sorted, ['age']);
    expect(rest.array('name')).toEqual(['d']);
    expect(dropped.map(({ row }) => sorted.array('name')[row] as unknown)).toEqual([null, 'b', 'b']); // Arquero sorts null to the front
  });
});

describe('dropDuplicates', () => {
  it('keeps the first of equal rows and says which the others are like', () => {
    const { table: rest, dropped } = dropDuplicates(people);
    expect(rest.array('name')).toEqual(['a', 'b', null, 'd']);
    expect(dropped).toEqual([{ row: 4, like: 1 }]); // NaN is like NaN
    expect(dropDuplicates(people, ['age']).dropped).toEqual([
      { row: 2, like: 1 },
      { row: 4, like: 1 },
    ]);
  });

  it('takes for equal what is, in all columns, and nothing else', () => {
    const value = fc.constantFrom<unknown>(0, -0, 1, '1', '', 'n1;', true, 'true', null, Infinity, new Date(1));
    const rows = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(rows, (pairs) => {
        const made = table({ a: pairs.map(([a]) => a), b: pairs.map(([, b]) => b) });
        const { table: rest, dropped } = dropDuplicates(made);
        const same = (x: unknown, y: unknown): boolean =>
          x instanceof Date && y instanceof Date ? x.getTime() === y.getTime() : x === y;
        const first = pairs.map(([a, b]) => pairs.findIndex(([c, d]) => same(a, c) && same(b, d)));
        expect(dropped).toEqual(first.flatMap((like, row) => (like < row ? [{ row, like }] : [])));
        expect(rest.numRows()).toBe(new Set(first).size);
      }),
    );
    expect(dropDuplicates(table({ a: ['x;', 'x'], b: ['y', ';y'] })).dropped).toEqual([]);
  });
});
