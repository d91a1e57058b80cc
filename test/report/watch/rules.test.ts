import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { belowLast, firstNotFinite, lossSpikes, percentile, stalledFor } from '../../../src/report/watch/rules.js';
import type { Point } from '../../../src/report/watch/rules.js';

/** Noise in [−1, 1) that is the same in every run. */
const noise = (step: number): number => {
  const value = Math.sin(step * 12.9898) * 43_758.5453;
  return 2 * (value - Math.floor(value)) - 1;
};
const series = (length: number, at: (step: number) => number): Point[] =>
  Array.from({ length }, (_, index) => ({ step: index + 1, value: at(index + 1) }));

describe('a loss spike', () => {
  it('is what stands out, once, with its top and its end', () => {
    const points = series(
      200,
      (step) => 4 + 0.1 * noise(step) + (step >= 100 && step < 110 ? 3 - Math.abs(step - 104) / 4 : 0),
    );
    const [spike, ...more] = lossSpikes(points);
    expect(more).toEqual([]);
    expect(spike).toMatchObject({ step: 104, backAt: 110 });
    expect(spike?.median).toBeCloseTo(4, 1);
  });

  it('that does not come back has no end', () => {
    expect(lossSpikes(series(150, (step) => (step < 100 ? 2 : 8)))).toMatchObject([
      { step: 100, value: 8, backAt: undefined },
    ]);
  });

  it.each<[string, (step: number) => number]>([
    ['a plateau', () => 3],
    ['a noisy plateau', (step) => 3 + 0.2 * noise(step)],
    ['the fall at the beginning', (step) => 3 + 8 * Math.exp(-step / 20) + 0.05 * noise(step)],
    ['a slow rise', (step) => 2 + step / 1000 + 0.02 * noise(step)],
    ['noise around zero', (step) => noise(step)],
  ])('is none in %s', (_, at) => {
    expect(lossSpikes(series(1000, at))).toEqual([]);
  });

  it('is found wherever it is, above noise of any size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 30, max: 190 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (place, scale) => {
          const points = series(200, (step) => scale * (5 + 0.1 * noise(step) + (step === place ? 4 : 0)));
          expect(lossSpikes(points).map(({ step }) => step)).toEqual([place]);
        },
      ),
    );
  });

  it('needs something to stand out from, and passes over NaN', () => {
    expect(lossSpikes(series(15, (step) => (step === 15 ? 100 : 1)))).toEqual([]);
    expect(lossSpikes(series(60, (step) => (step === 50 ? Number.NaN : 1)))).toEqual([]);
  });
});

it('a loss that is no number is named by its first step', () => {
  expect(firstNotFinite(series(9, (step) => (step > 5 ? Number.NaN : 1)))?.step).toBe(6);
  expect(firstNotFinite(series(9, (step) => (step === 7 ? Infinity : 1)))?.step).toBe(7);
  expect(firstNotFinite(series(9, () => 1))).toBeUndefined();
});

describe('a stall', () => {
  const every = (seconds: number, count = 20): number[] =>
    Array.from({ length: count }, (_, index) => index * seconds * 1000);

  it('is a silence of 5 times the longest pause, and of a minute', () => {
    expect(stalledFor(every(1), 19_000 + 59_000)).toBeUndefined();
    expect(stalledFor(every(1), 19_000 + 61_000)).toBe(61_000);
    expect(stalledFor(every(30), 570_000 + 140_000)).toBeUndefined();
    expect(stalledFor(every(30), 570_000 + 151_000)).toBe(151_000);
  });

  it('is none after a pause like those before it (an evaluation, a checkpoint), nor where nothing is known', () => {
    expect(stalledFor([...every(1), 19_000 + 100_000, 19_000 + 101_000], 120_000 + 400_000)).toBeUndefined();
    expect(stalledFor([0, 1], 1e9)).toBeUndefined();
    expect(stalledFor([], 1e9)).toBeUndefined();
  });
});

it('an accuracy is compared with the last run at the same step', () => {
  const earlier = [
    { step: 10, value: 0.5 },
    { step: 20, value: 0.8 },
  ];
  expect(belowLast([{ step: 10, value: 0.6 }], earlier)).toBeUndefined();
  expect(belowLast([{ step: 15, value: 0.4 }], earlier)?.then).toEqual({ step: 10, value: 0.5 });
  expect(
    belowLast(
      [
        { step: 10, value: 0.1 },
        { step: 25, value: 0.9 },
      ],
      earlier,
    ),
  ).toBeUndefined();
  expect(belowLast([{ step: 5, value: 0.1 }], earlier)).toBeUndefined(); // it was not measured by then
  expect(belowLast([], earlier)).toBeUndefined();
});

it('percentiles are those of NumPy', () => {
  // numpy.percentile([3, 1, 2, 10], [50, 95]) = [2.5, 8.95]
  expect(percentile([3, 1, 2, 10], 0.5)).toBeCloseTo(2.5, 12);
  expect(percentile([3, 1, 2, 10], 0.95)).toBeCloseTo(8.95, 12);
  expect(percentile([7], 0.95)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});
