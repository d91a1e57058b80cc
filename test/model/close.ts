import { expect } from 'vitest';

/** Asserts equality within `tolerance`, element by element, and of the number of elements. */
export function expectClose(received: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(received.length).toBe(expected.length);
  let worst = 0;
  for (let index = 0; index < expected.length; index++) {
    const difference = Math.abs((received[index] ?? NaN) - (expected[index] ?? NaN));
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  expect(worst).toBeLessThanOrEqual(tolerance);
}
