import { describe, expect, it } from 'vitest';
import { meanAbsoluteError, meanSquaredError, rSquared } from '../../src/evaluate/regression-errors.js';
import reference from './fixtures/metrics.json' with { type: 'json' };

describe('errors of numbers', () => {
  it.each(reference.regressions)('as scikit-learn', ({ truth, predicted, ...expected }) => {
    const own = {
      meanAbsoluteError: meanAbsoluteError(truth, predicted),
      meanSquaredError: meanSquaredError(Float64Array.from(truth), predicted),
      rSquared: rSquared(truth, predicted),
    };
    for (const name of Object.keys(own) as (keyof typeof own)[]) expect(own[name]).toBeCloseTo(expected[name], 10);
  });

  it('by hand', () => {
    // errors 0.5, −0.5, 0, −1; truths about their mean 2.875: 0.0156 + 11.3906 + 0.7656 + 17.0156 = 29.1875
    const [truth, predicted] = [
      [3, -0.5, 2, 7],
      [2.5, 0, 2, 8],
    ];
    expect(meanAbsoluteError(truth, predicted)).toBe(0.5);
    expect(meanSquaredError(truth, predicted)).toBe(0.375);
    expect(rSquared(truth, predicted)).toBeCloseTo(1 - 1.5 / 29.1875, 14);
  });

  it('are refused for rows that do not match and numbers that are none', () => {
    expect(() => meanAbsoluteError([1], [1, 2])).toThrow('meanAbsoluteError: truth and predictions');
    expect(() => meanSquaredError([1, 2], [1, NaN])).toThrow(
      /a prediction is no finite number\s+received: NaN in row 1/u,
    );
    expect(() => rSquared([Infinity, 2], [1, 1])).toThrow('a truth is no finite number');
    expect(() => rSquared([1], [1])).toThrow('one row has no variance');
  });
});
