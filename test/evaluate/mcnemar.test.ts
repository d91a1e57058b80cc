import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mcNemar } from '../../src/evaluate/mcnemar.js';

/** `both` right, only the first, only the second. */
const cases = (both: number, b: number, c: number): [boolean[], boolean[]] => [
  [...Array<boolean>(both + b).fill(true), ...Array<boolean>(c).fill(false)],
  [...Array<boolean>(both).fill(true), ...Array<boolean>(b).fill(false), ...Array<boolean>(c).fill(true)],
];

describe('mcNemar', () => {
  it.each([
    // scipy 1.17.1: binomtest(min(b, c), b + c, 0.5).pvalue
    [10, 0, 2, 0.5],
    [101, 121, 59, 4.4344492637551645e-6],
    [4, 6, 7, 1],
    [0, 3, 30, 1.4011748135089874e-6],
  ])('%i both, %i, %i', (both, b, c, p) => {
    const found = mcNemar(...cases(both, b, c));
    expect(found).toMatchObject({ onlyFirst: b, onlySecond: c });
    expect(found.pValue / p).toBeCloseTo(1, 9);
  });

  it('does not tell the two apart, and is a probability', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(2000), (b, c) => {
        const { pValue } = mcNemar(...cases(1, b, c));
        expect(pValue).toBeCloseTo(mcNemar(...cases(5, c, b)).pValue, 12);
        expect(pValue).toBeGreaterThanOrEqual(0);
        expect(pValue).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses other cases', () => {
    expect(() => mcNemar([true], [])).toThrow('not the same cases');
  });
});
