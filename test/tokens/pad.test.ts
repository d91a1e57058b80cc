import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pad } from '../../src/tokens/pad.js';

const sequences = [[5, 6, 7], [8], []];

describe('pad', () => {
  it('fills up to the longest, right or left', () => {
    expect(pad(sequences, { token: 9 })).toEqual({
      numRows: 3,
      length: 3,
      tokens: Int32Array.of(5, 6, 7, 8, 9, 9, 9, 9, 9),
      mask: Uint8Array.of(1, 1, 1, 1, 0, 0, 0, 0, 0),
    });
    const left = pad(sequences, { token: 9, side: 'left' });
    expect([...left.tokens]).toEqual([5, 6, 7, 9, 9, 8, 9, 9, 9]);
    expect([...left.mask]).toEqual([1, 1, 1, 0, 0, 1, 0, 0, 0]);
  });

  it('fills up to a multiple', () => {
    expect(pad([[1, 2, 3]], { token: 0, multipleOf: 4 }).length).toBe(4);
    expect(pad([[1, 2, 3, 4]], { token: 0, multipleOf: 4 }).length).toBe(4);
    expect([...pad([[1]], { token: 0, multipleOf: 2, side: 'left' }).tokens]).toEqual([0, 1]);
  });

  it('loses and adds nothing: where the mask is 1 stands the sequence', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(99)), { minLength: 1 }).filter((all) => all.some((one) => one.length > 0)),
        fc.constantFrom('left' as const, 'right' as const),
        fc.integer({ min: 1, max: 8 }),
        (all, side, multipleOf) => {
          const { tokens, mask, length, numRows } = pad(all, { token: 99, side, multipleOf });
          const longest = Math.max(...all.map((one) => one.length));
          expect(length % multipleOf).toBe(0);
          expect(length - longest).toBeGreaterThanOrEqual(0);
          expect(length - longest).toBeLessThan(multipleOf);
          const rows = Array.from({ length: numRows }, (_, row) =>
            [...tokens.subarray(row * length, (row + 1) * length)].filter((_, at) => mask[row * length + at] === 1),
          );
          expect(rows).toEqual(all);
        },
      ),
    );
  });

  it('refuses what has no tokens, and a multiple of nothing', () => {
    expect(() => pad([], { token: 0 })).toThrow(/no tokens/);
    expect(() => pad([[], []], { token: 0 })).toThrow(/2 sequences/);
    expect(() => pad(sequences, { token: 0, multipleOf: 0 })).toThrow(/multipleOf must be positive/);
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error what to fill up with must be said
  pad(sequences, { side: 'left' });
  // @ts-expect-error no such side
  pad(sequences, { token: 0, side: 'both' });
}
