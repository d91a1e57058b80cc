import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clusters } from '../../../src/data/deduplicate/clusters.js';

const groupsOf = (pairs: readonly (readonly [number, number])[]): readonly (readonly number[])[] => {
  const clusters = new Clusters();
  for (const [a, b] of pairs) clusters.join(a, b);
  return clusters.groups();
};

describe('Clusters', () => {
  it('joins numbers that are linked through others', () => {
    expect(groupsOf([[4, 1], [5, 4], [0, 3]])).toEqual([[0, 3], [1, 4, 5]]); // prettier-ignore
  });

  it('are the parts of the graph of pairs, in any order of the pairs', () => {
    const number = fc.integer({ min: 0, max: 19 });
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number), { maxLength: 25 }), (pairs) => {
        // The plainest way: spread the smallest number along the pairs until nothing changes.
        const labels = Array.from({ length: 20 }, (_, index) => index);
        for (let round = 0; round < 20; round++) {
          for (const [a, b] of pairs) labels[a] = labels[b] = Math.min(labels[a] ?? 0, labels[b] ?? 0);
        }
        const expected = [...new Set(labels)]
          .map((label) => [...labels.keys()].filter((index) => labels[index] === label))
          .filter(({ length }) => length > 1);
        expect(groupsOf(pairs)).toEqual(expected);
        expect(groupsOf(pairs.toReversed())).toEqual(expected);
      }),
    );
  });
});
