import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestFitDecreasing } from '../../src/tokens/best-fit.js';

/** The same by looking at all rows for each item: the least space that holds it; of equal ones the row changed last. */
function byLooking(opening: readonly number[], joining: readonly number[], capacity: number): number[] {
  const order = joining.map((_, item) => item).sort((a, b) => (joining[b] ?? 0) - (joining[a] ?? 0)); // stable
  const open: { row: number; left: number }[] = []; // the row changed last stands last
  const rows: number[] = [];
  let numRows = 0;
  for (const item of order) {
    const size = joining[item] ?? 0;
    const least = Math.min(...open.filter(({ left }) => left >= size).map(({ left }) => left));
    const at = open.findLastIndex(({ left }) => left === least);
    const [found] = at === -1 ? [] : open.splice(at, 1);
    const row = found?.row ?? numRows++;
    rows[item] = row;
    open.push({ row, left: found ? found.left - size : capacity - (opening[item] ?? 0) });
  }
  return rows;
}

describe('bestFitDecreasing', () => {
  it('packs by hand', () => {
    // Capacity 10, from the largest: 7 | 6 | 5 open rows 0, 1, 2 with 3, 4, 5 left. 4 fits best into row 1, the first 3 into
    // row 0, the second 3 into row 2, where 2 is left for the 2: three full rows.
    const sizes = Int32Array.of(7, 3, 5, 4, 6, 2, 3);
    const { numRows, rows, order } = bestFitDecreasing(sizes, sizes, 10);
    expect([...order]).toEqual([0, 4, 2, 3, 1, 6, 5]);
    expect([...rows]).toEqual([0, 0, 2, 1, 1, 2, 2]);
    expect(numRows).toBe(3);
  });

  it('takes the size of joining where a row has items, that of opening where it has none', () => {
    // 3 of 4 opens row 0; the second one, 2 or 1 to open and 2 to join, does not fit beside it and leaves 3, where the third fits.
    expect([...bestFitDecreasing(Int32Array.of(3, 1, 1), Int32Array.of(3, 2, 2), 4).rows]).toEqual([0, 1, 1]);
    // An item whose joining exceeds the capacity is alone, also where a row is all but empty.
    expect([...bestFitDecreasing(Int32Array.of(1, 9), Int32Array.of(2, 11), 10).rows]).toEqual([1, 0]);
  });

  it('puts each item where looking at all rows puts it, in any number of words of bits', () => {
    const run = fc
      .integer({ min: 1, max: 3000 })
      .chain((capacity) =>
        fc.tuple(
          fc.constant(capacity),
          fc.array(fc.tuple(fc.integer({ min: 1, max: capacity }), fc.boolean()), { maxLength: 60 }),
        ),
      );
    fc.assert(
      fc.property(run, ([capacity, items]) => {
        const opening = items.map(([size]) => size);
        const joining = items.map(([size, more]) => size + (more ? 1 : 0));
        const { rows, numRows } = bestFitDecreasing(Int32Array.from(opening), Int32Array.from(joining), capacity);
        expect([...rows]).toEqual(byLooking(opening, joining, capacity));
        expect(numRows).toBe(new Set(rows).size);
      }),
      { numRuns: 300 },
    );
  });
});
