import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { bucket } from '../../src/tokens/bucket.js';

const roundedUp = (length: number, multipleOf: number): number =>
  Math.max(multipleOf, Math.ceil(length / multipleOf) * multipleOf);

describe('bucket', () => {
  it('puts examples of similar length together, up to the cap', () => {
    const lengths = [9, 2, 5, 1, 9, 3, 4];
    const batches = bucket(lengths, { maxTokens: 10, key: key(1) });
    // By length 1 2 3 4 5 9 9: three rows of 3 are 9 tokens (of 4 it would be 16); 4 and 5 are 2 rows of 5; each 9 is alone.
    const found = batches.map((batch) => Array.from(batch, (index) => lengths[index]).join(' '));
    expect(found.sort()).toEqual(['1 2 3', '4 5', '9', '9']);
  });

  it('has every example in just one batch, no batch above the cap, none that had room for one more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { maxLength: 80 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 64, max: 400 }),
        fc.integer(),
        (lengths, multipleOf, maxTokens, seed) => {
          const batches = bucket(lengths, { maxTokens, multipleOf, key: key(seed) });
          const all = batches.flatMap((batch) => [...batch]);
          expect(all.sort((a, b) => a - b)).toEqual([...lengths.keys()]);
          const ranges = batches.map((batch) => {
            const rounded = Array.from(batch, (index) => roundedUp(lengths[index] ?? NaN, multipleOf));
            const [least, most] = [Math.min(...rounded), Math.max(...rounded)];
            expect(batch.length * most).toBeLessThanOrEqual(maxTokens);
            return { least, most, size: batch.length };
          });
          // Of batches of one length all but the last are full.
          ranges.sort((a, b) => a.most - b.most || a.least - b.least || b.size - a.size);
          ranges.slice(1).forEach(({ least }, index) => {
            const before = ranges[index];
            // Sorted by length: batches meet in at most one length.
            expect(least).toBeGreaterThanOrEqual(before?.most ?? NaN);
            // One row more, of the next length, would have been too much.
            expect(((before?.size ?? NaN) + 1) * least).toBeGreaterThan(maxTokens);
          });
        },
      ),
    );
  });

  it('orders by key: equal keys alike, other keys otherwise; examples of one rounded length mix', () => {
    const lengths = Array.from({ length: 100 }, (_, index) => 1 + (index % 16));
    const of = (seed: number): number[][] =>
      bucket(lengths, { maxTokens: 160, multipleOf: 16, key: key(seed) }).map((batch) => [...batch]);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).toHaveLength(10);
    const asSets = (batches: number[][]): string[] =>
      batches.map((batch) => batch.sort((a, b) => a - b).join(' ')).sort();
    expect(asSets(of(1))).not.toEqual(asSets(of(2)));
    // Batches of different lengths do not come by length.
    const byLength = bucket(lengths, { maxTokens: 32, key: key(3) }).map((batch) => lengths[batch[0] ?? 0] ?? 0);
    expect(byLength).not.toEqual([...byLength].sort((a, b) => a - b));
  });

  it('refuses an example longer than a batch', () => {
    expect(() => bucket([3, 11], { maxTokens: 10, key: key(1) })).toThrow(/example 1 does not fit[\s\S]*11 tokens/);
    expect(() => bucket([9], { maxTokens: 10, multipleOf: 4, key: key(1) })).toThrow(/12 tokens with its padding/);
    expect(bucket([], { maxTokens: 10, key: key(1) })).toEqual([]);
  });
});
