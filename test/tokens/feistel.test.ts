import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, key } from '../../src/engine/key.js';
import { feistelPermutation } from '../../src/tokens/feistel.js';

const listOf = (seed: number, count: number): number[] => {
  const at = feistelPermutation(key(seed), count);
  return Array.from({ length: count }, (_, place) => at(place));
};

describe('feistelPermutation', () => {
  it('is a bijection of 0 … count − 1, for any count and key', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), fc.integer(), (count, seed) => {
        expect(listOf(seed, count).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
      { numRuns: 60 },
    );
    for (const count of [1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 65_536, 65_537]) {
      expect(new Set(listOf(1, count)).size).toBe(count);
      expect(Math.max(...listOf(1, count).slice(0, 1000))).toBeLessThan(count);
    }
  });

  it('is one for counts that no list could hold: different places, different rows within the count', () => {
    const count = 2 ** 52 - 12_345;
    const at = feistelPermutation(key(4), count);
    const rows = Array.from({ length: 5000 }, (_, place) => at(count - 1 - place));
    expect(new Set(rows).size).toBe(5000);
    expect(rows.every((row) => Number.isInteger(row) && row >= 0 && row < count)).toBe(true);
    // The mean of 5,000 even draws is within 4 of its standard deviations, count / √12 / √5000, of the middle.
    const mean = rows.reduce((sum, row) => sum + row / count, 0) / 5000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * 5000));
  });

  it('draws the first two rows evenly and independently', () => {
    const counts = new Array<number>(25).fill(0); // fifths of the count that the first and the second row are in
    for (let index = 0; index < 10_000; index++) {
      const at = feistelPermutation(fold(key(9), index), 100_000);
      const cell = 5 * Math.floor(at(0) / 20_000) + Math.floor(at(1) / 20_000);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    // 25 pairs, 400 of each expected: χ² has 24 degrees of freedom and is below 51.2 with probability 0.999.
    expect(counts.reduce((sum, count) => sum + (count - 400) ** 2 / 400, 0)).toBeLessThan(51.2);
  });

  it('leaves neighbours apart: the next row is not near the one before', () => {
    const rows = listOf(2, 10_000);
    // |difference| of two even draws is a third of the count on average, with a standard deviation of 1/√18 of it.
    const mean = rows.slice(1).reduce((sum, row, place) => sum + Math.abs(row - (rows[place] ?? 0)), 0) / 9999;
    expect(Math.abs(mean / 10_000 - 1 / 3)).toBeLessThan((4 * Math.sqrt(1 / 18)) / Math.sqrt(9999 / 2));
  });

  it('depends on the key, and refuses what is no count', () => {
    expect(listOf(1, 100)).toEqual(listOf(1, 100));
    expect(listOf(1, 100)).not.toEqual(listOf(2, 100));
    for (const count of [-1, 2.5, NaN, 2 ** 53]) {
      expect(() => feistelPermutation(key(1), count)).toThrow(/whole number/);
    }
  });
});
