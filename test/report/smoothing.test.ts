import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { movingAverage, partMeans, smoothedFigure } from '../../src/report/smoothing.js';

describe('movingAverage', () => {
  it('is m = β m + (1 − β) x, divided by 1 − βⁿ', () => {
    // β = 1/2: m = 1, 2.5, 4.25; 1 − βⁿ = 1/2, 3/4, 7/8.
    expect(movingAverage([2, 4, 6], 2)).toEqual([2, 2.5 / 0.75, 4.25 / 0.875]);
  });

  it('of equal values is that value, and of one step is the values', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true })),
        (value, steps, values) => {
          for (const mean of movingAverage(new Array<number>(20).fill(value), steps))
            expect(mean).toBeCloseTo(value, 8);
          expect(movingAverage(values, 1)).toEqual(values.map((one) => expect.closeTo(one, 9) as number));
        },
      ),
    );
  });

  it('passes over what is no number', () => {
    expect(movingAverage([2, Number.NaN, 4], 2)).toEqual([2, Number.NaN, 2.5 / 0.75]);
  });
});

describe('a long line', () => {
  const x = Array.from({ length: 6000 }, (_, index) => index);
  const y = x.map((value) => value * 2);

  it('is smoothed by means of its parts, which stand for many steps', () => {
    const parts = partMeans(x, y);
    expect(parts.size).toBe(10);
    expect(parts.x).toHaveLength(600);
    expect([parts.x[0], parts.y[0]]).toEqual([4.5, 9]);
    // The moving average of a rising line lags behind it by about β / (1 − β) steps, whether by parts or by points.
    const whole = movingAverage(y, 100).at(-1) ?? 0;
    const byParts = movingAverage(parts.y, 100, parts.size).at(-1) ?? 0;
    expect(Math.abs(whole - byParts)).toBeLessThan(2 * 10);
  });

  it('stands faintly behind its average; short ones and bands are left alone', () => {
    const line = { type: 'scatter', mode: 'lines', name: 'train', x, y } as const;
    const few = { ...line, x: [1, 2], y: [3, 4] };
    const figure = { title: 'Loss', source: 'test', data: [line, few], layout: {} };
    const { data } = smoothedFigure(figure, 50);
    expect(data).toHaveLength(3);
    expect(data[0]).toMatchObject({ opacity: 0.3, showlegend: false });
    expect(data[2]).toBe(few);
    expect(smoothedFigure(figure, 1)).toBe(figure);
  });
});
