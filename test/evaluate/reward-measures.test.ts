import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibration, calibrationFigure } from '../../src/evaluate/calibration.js';
import { lengthBias, lengthBiasFigure } from '../../src/evaluate/length-bias.js';
import { rankingAccuracy } from '../../src/evaluate/ranking-accuracy.js';
import type { ScoredPair } from '../../src/evaluate/scored-pairs.js';

const pair = (chosen: [number, number], rejected: [number, number], dimension = 'safety'): ScoredPair => ({
  dimension,
  chosen: { reward: chosen[0], length: chosen[1] },
  rejected: { reward: rejected[0], length: rejected[1] },
});

describe('rankingAccuracy', () => {
  it('by dimension and by length: by hand', () => {
    const found = rankingAccuracy(
      [
        pair([2, 5], [1, 9]), // −4: a hit
        pair([1, 5], [1, 9]), // −4: a tie is none
        pair([0, 9], [1, 9], 'fluency'), // 0
        pair([3, 12], [1, 9], 'fluency'), // 3: a hit
      ],
      2,
    );
    expect(found).toEqual({
      numPairs: 4,
      accuracy: 0.5,
      dimensions: { safety: { numPairs: 2, accuracy: 0.5 }, fluency: { numPairs: 2, accuracy: 0.5 } },
      lengths: [
        { numPairs: 2, accuracy: 0.5, from: -4, to: -4 },
        { numPairs: 2, accuracy: 0.5, from: 0, to: 3 },
      ],
    });
  });

  it('buckets part the pairs, in order, and never pairs of one difference', () => {
    const length = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(length, length), { minLength: 1 }),
        fc.integer({ min: 1, max: 6 }),
        (all, number) => {
          const { lengths } = rankingAccuracy(
            all.map(([a, b]) => pair([1, a], [0, b])),
            number,
          );
          expect(lengths.reduce((sum, { numPairs }) => sum + numPairs, 0)).toBe(all.length);
          expect(lengths.length).toBeLessThanOrEqual(number);
          lengths.slice(1).forEach(({ from }, place) => {
            expect(from).toBeGreaterThan(lengths[place]?.to ?? NaN);
          });
        },
      ),
    );
  });

  it('refuses nothing, and what is no number', () => {
    expect(() => rankingAccuracy([])).toThrow(/there are no pairs/);
    expect(() => rankingAccuracy([pair([NaN, 1], [0, 1])])).toThrow(/pair 0 has a reward that is no number/);
  });
});

describe('lengthBias', () => {
  it('of a model that counts tokens is complete: by hand', () => {
    const bias = lengthBias([pair([5, 5], [9, 9]), pair([7, 7], [4, 4]), pair([3, 3], [8, 8]), pair([2, 2], [2, 2])]);
    expect(bias.correlation).toBeCloseTo(1, 12);
    expect(bias.pairCorrelation).toBeCloseTo(1, 12);
    expect(bias.longerPreferred).toBe(1);
    expect(bias.longerChosen).toBeCloseTo(1 / 3, 12); // of three pairs whose lengths differ
  });

  it('correlations are Pearson’s: by hand', () => {
    // Rewards 1, 2, 4, 1 of lengths 1, 2, 3, 6: Σ dx dy = 0, since ȳ = 3, x̄ = 2: (−1)(−2) + 0 + 2·0 + (−1)·3 = −1.
    const bias = lengthBias([pair([1, 1], [2, 2]), pair([4, 3], [1, 6])]);
    expect(bias.correlation).toBeCloseTo(-1 / Math.sqrt(6 * 14), 12);
    // Differences of rewards −1, 3 and of lengths −1, −3: two points, falling.
    expect(bias.pairCorrelation).toBeCloseTo(-1, 12);
  });

  it('is a figure with a bar for each bucket', () => {
    const { data, title } = lengthBiasFigure(lengthBias([pair([1, 1], [2, 2]), pair([4, 6], [1, 3])]));
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ x: ['−1<br>1 pairs', '+3<br>1 pairs'], y: [0, 1] });
    expect(title).toContain('correlation of reward and length');
  });
});

describe('calibration', () => {
  const margin = (confidence: number): number => Math.log(confidence / (1 - confidence));

  it('the expected error is that of a hand computation', () => {
    // Sure by 0.6, 0.6 and 0.9, 0.95; right in one of the two, and in both.
    const margins = [margin(0.6), -margin(0.6), margin(0.9), margin(0.95)];
    const { bins, expectedCalibrationError } = calibration(margins, 2);
    expect(bins).toHaveLength(2);
    expect(bins[0]).toMatchObject({ from: 0.5, to: 0.75, numPairs: 2, accuracy: 0.5 });
    expect(bins[0]?.confidence).toBeCloseTo(0.6, 12);
    expect(bins[1]).toMatchObject({ from: 0.75, to: 1, numPairs: 2, accuracy: 1 });
    // 2/4 · |0.5 − 0.6| + 2/4 · |1 − 0.925|
    expect(expectedCalibrationError).toBeCloseTo(0.5 * 0.1 + 0.5 * 0.075, 12);
  });

  it('is 0 for a model that knows nothing and says so, and nearly 1 for one that is sure and wrong', () => {
    expect(calibration([0, 0, 0]).expectedCalibrationError).toBe(0);
    expect(calibration([-1000, -1000]).expectedCalibrationError).toBeCloseTo(1, 12);
  });

  it('holds every pair in one bin', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1 }), (margins) => {
        const { bins, expectedCalibrationError } = calibration(margins);
        expect(bins.reduce((sum, { numPairs }) => sum + numPairs, 0)).toBe(margins.length);
        expect(expectedCalibrationError).toBeLessThanOrEqual(1);
        for (const { from, to, numPairs, confidence } of bins) {
          if (numPairs === 0) continue;
          expect(confidence).toBeGreaterThanOrEqual(from - 1e-12);
          expect(confidence).toBeLessThanOrEqual(to + 1e-12);
        }
      }),
    );
  });

  it('is a figure, and refuses what is no margin', () => {
    expect(calibrationFigure(calibration([1, -1, 2])).data).toHaveLength(2);
    expect(() => calibration([])).toThrow(/0 margins/);
    expect(() => calibration([NaN])).toThrow(/one of them NaN/);
    expect(() => calibration([1], 0)).toThrow(/in 0 bins/);
  });
});
