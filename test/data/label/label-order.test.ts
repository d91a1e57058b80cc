import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelOrder, shownOrder } from '../../../src/data/label/label-order.js';

describe('labelOrder', () => {
  it('has every sample once, shared ones spread evenly, in one order for all', () => {
    const counts = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(counts, fc.double({ min: 0, max: 1, noNaN: true }), fc.string(), (count, share, samples) => {
        const [mei, jo] = ['梅', 'jo'].map((annotator) => labelOrder(samples, count, annotator, share));
        expect([...(mei?.order ?? [])].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at));
        const shared = mei?.shared ?? new Set();
        expect(shared.size).toBe(Math.ceil(share * count));
        const common = (order: readonly number[] = []): readonly number[] => order.filter((at) => shared.has(at));
        expect(common(jo?.order)).toEqual(common(mei?.order));
        for (let length = 0; length <= count; length++) {
          const numShared = common(mei?.order.slice(0, length)).length;
          expect(Math.abs(numShared - (length * shared.size) / Math.max(1, count))).toBeLessThan(1);
        }
      }),
    );
  });

  it('gives annotators the others in orders of their own', () => {
    expect(labelOrder('9e10', 30, 'mei', 0).order).not.toEqual(labelOrder('9e10', 30, 'jo', 0).order);
    expect(labelOrder('9e10', 30, 'mei', 1).order).toEqual(labelOrder('9e10', 30, 'jo', 1).order);
  });
});

describe('shownOrder', () => {
  it('is the same each time, and places every answer about as often everywhere', () => {
    expect(shownOrder('9e10', '3f2a', 'mei', 4)).toEqual(shownOrder('9e10', '3f2a', 'mei', 4));
    const first = Array.from({ length: 600 }, (_, sample) => shownOrder('9e10', String(sample), 'mei', 3)[0]);
    for (const answer of [0, 1, 2]) {
      // Binomial, n = 600, p = 1/3: within four standard deviations, 46.
      expect(Math.abs(first.filter((one) => one === answer).length - 200)).toBeLessThan(46);
    }
  });
});
