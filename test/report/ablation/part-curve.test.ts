import fc from 'fast-check';
import { expect, it } from 'vitest';
import { commonWidth, curvePoints, joinCurves, partCurve } from '../../../src/report/ablation/part-curve.js';

it('keeps means, lows and highs of equal parts', () => {
  const steps = Array.from({ length: 4096 }, (_, step) => step);
  const curve = partCurve(steps, steps);
  expect(curve.width).toBe(4);
  const { x, mean, low, high } = curvePoints(curve);
  expect(x).toHaveLength(1024);
  expect([x[1], mean[1], low[1], high[1]]).toEqual([5.5, 5.5, 4, 7]);
});

it('leaves out what is no number', () => {
  expect(curvePoints(partCurve([0, 1, 2], [1, Number.NaN, 3]))).toMatchObject({ x: [0, 2], mean: [1, 3] });
});

it('joins curves of any lengths: the sum, the lowest and the highest stay what they were', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 300 }), (counts, parts) => {
      const all = counts.map((count, index) =>
        Array.from({ length: count }, (_, step) => Math.round(100 * Math.sin(step * (index + 1)))),
      );
      const curves = all.map((values) => partCurve([...values.keys()], values));
      const width = commonWidth(curves, parts);
      const joined = joinCurves(curves, width);
      expect(joined.sum.length).toBeLessThanOrEqual(parts + 1);
      const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
      expect(sum(joined.sum)).toBe(sum(all.flat()));
      expect(sum(joined.count)).toBe(all.flat().length);
      expect(Math.min(...joined.low)).toBe(Math.min(...all.flat()));
      expect(Math.max(...joined.high)).toBe(Math.max(...all.flat()));
    }),
    { numRuns: 30 },
  );
});
