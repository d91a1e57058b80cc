import { describe, expect, it } from 'vitest';
import { findLearningRate, learningRateFigure } from '../../../src/train/schedules/learning-rate-finder.js';

/** Gradient descent on ½ h w² from w = 1, its gradients noisy: a step multiplies w by 1 − η h, so it diverges for η > 2 / h. */
function quadratic(steepness: number): {
  readonly step: (rate: number, number: number) => Promise<number>;
  readonly seen: number[];
} {
  let w = 1;
  const seen: number[] = [];
  return {
    seen,
    step: (rate, number) => {
      seen.push(rate);
      const loss = 0.5 * steepness * w * w;
      w -= rate * steepness * (w + 0.3 * Math.sin(1.3 * number ** 2));
      return Promise.resolve(loss);
    },
  };
}

describe('findLearningRate', () => {
  it('on a quadratic of steepness 10 ends soon after 2 / 10, and suggests a rate that descends', async () => {
    const { step, seen } = quadratic(10);
    const found = await findLearningRate({ step, from: 1e-5, to: 100, steps: 141 });
    expect(found.diverged).toBe(true);
    expect(found.rates.at(-1)).toBeGreaterThan(0.2);
    expect(found.rates.at(-1)).toBeLessThan(5);
    expect(seen[0]).toBe(1e-5);
    expect((seen[21] ?? NaN) / (seen[1] ?? NaN)).toBeCloseTo(10, 6); // 7 powers of ten in 140 steps
    for (const rate of [found.steepest, found.tenthOfLowest, found.suggested]) {
      expect(rate).toBeGreaterThan(1e-4);
      expect(rate).toBeLessThan(0.2);
    }
    expect(found.suggested).toBe(Math.min(found.steepest, found.tenthOfLowest));
  });

  it('is scaled as the problem is: 100 times steeper, 100 times lower', async () => {
    const search = (steepness: number): Promise<{ readonly suggested: number }> =>
      findLearningRate({ step: quadratic(steepness).step, from: 1e-3 / steepness, to: 1e3 / steepness, steps: 121 });
    const [shallow, steep] = [await search(1), await search(100)];
    expect(shallow.suggested / steep.suggested).toBeCloseTo(100, 6);
  });

  it('by hand: smoothed by ½ the losses 8, 4, 2, 1 are 8, 16/3, 24/7, 32/15; the second falls fastest', async () => {
    const losses = [8, 4, 2, 1];
    const found = await findLearningRate({
      step: (_, number) => Promise.resolve(losses[number - 1] ?? NaN),
      from: 0.001,
      to: 1,
      steps: 4,
      smoothing: 0.5,
    });
    const expected = [8, 16 / 3, 24 / 7, 32 / 15];
    found.smoothed.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index] ?? NaN, 12);
    });
    // Slopes: −2.67 at the first, (24/7 − 8)/2 = −2.29, (32/15 − 16/3)/2 = −1.6, −1.30.
    expect(found.steepest).toBe(0.001);
    expect(found.tenthOfLowest).toBeCloseTo(0.1, 12);
    expect(found.diverged).toBe(false);
  });

  it('ends at a loss that is no number, and refuses where that is at once', async () => {
    const breaking = (at: number) => (_: number, number: number) =>
      Promise.resolve(number < at ? 5 - number / 10 : NaN);
    const found = await findLearningRate({ step: breaking(20) });
    expect([found.losses.length, found.diverged]).toEqual([19, true]);
    await expect(findLearningRate({ step: breaking(2) })).rejects.toThrow(/diverged at once.*lower from/s);
    await expect(findLearningRate({ step: breaking(9), from: 1, to: 0.1 })).rejects.toThrow(/higher than from.*0\.1/s);
    await expect(findLearningRate({ step: breaking(9), steps: 2 })).rejects.toThrow(/too few steps/);
    await expect(findLearningRate({ step: breaking(9), smoothing: 1 })).rejects.toThrow(/smoothing/);
  });

  it('draws losses over a logarithmic axis and marks both suggestions', async () => {
    const found = await findLearningRate({ step: quadratic(10).step });
    const figure = learningRateFigure(found);
    expect(figure.layout.xaxis?.type).toBe('log');
    expect(figure.data.map(({ name }) => name)).toEqual([
      'loss of a step',
      'smoothed',
      `steepest: ${found.steepest.toPrecision(2)}`,
      `a tenth of the lowest: ${found.tenthOfLowest.toPrecision(2)}`,
    ]);
    expect(JSON.parse(JSON.stringify(figure))).toEqual(figure);
  });
});
