import { expect, test } from 'vitest';
import { eachRow, RowList } from '../../src/data/rows.js';

const listOf = (rows: readonly (readonly number[])[]): RowList => {
  const list = new RowList();
  for (const row of rows) list.push(...row);
  return list;
};

/** Rows in order, in the plainest way. */
function plainly(rows: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return rows.toSorted((a, b) => {
    const at = a.findIndex((number, index) => number !== b[index]);
    return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
  });
}

test('rows are sorted number by number', () => {
  expect(listOf([[1, 2], [0, 9], [-1, 0], [1, 1], [1, 2]]).sorted()).toEqual({
    length: 5,
    width: 2,
    values: Float64Array.of(-1, 0, 0, 9, 1, 1, 1, 2, 1, 2),
  }); // prettier-ignore
});

test('many rows come in the same order as few, whatever their numbers', () => {
  // Firsts that are hashes of 32 bits, of which some are met again; and firsts that are none.
  const firsts = [(at: number) => at >>> 0, (at: number) => (at >>> 0) % 40, (at: number) => at / 7 - 1e8];
  for (const first of firsts) {
    for (const numRows of [1000, 1100, 3000]) {
      const rows = Array.from({ length: numRows }, (_, index) => {
        const at = Math.imul(index + 1, 0x9e3779b1);
        return [first(at), (at >>> 20) % 5, index % 3];
      });
      expect([...listOf(rows).sorted().values]).toEqual(plainly(rows).flat());
    }
  }
  expect([...listOf([[Infinity], [-Infinity], [0], [-Infinity]]).sorted().values]).toEqual([-Infinity, -Infinity, 0, Infinity]); // prettier-ignore
});

test('a row of another width is refused, and no rows are no rows', () => {
  expect(() => listOf([[1, 2], [1]])).toThrow('a row of 1 numbers among rows of 2');
  expect(new RowList().sorted()).toEqual({ length: 0, width: 0, values: new Float64Array(0) });
});

test('a list that has grown holds all its rows', () => {
  const rows = Array.from({ length: 50_000 }, (_, index) => [(index * 7919) % 50_000, index]);
  const { values } = listOf(rows).sorted();
  expect(values.filter((_, index) => index % 2 === 0)).toEqual(
    Float64Array.from({ length: 50_000 }, (_, index) => index),
  );
});

test('the rows one by one', () => {
  const rows = [Float64Array.of(1, 2), Float64Array.of(3, 4)];
  expect([...eachRow({ length: 2, width: 2, values: Float64Array.of(1, 2, 3, 4) })]).toEqual(rows);
});
