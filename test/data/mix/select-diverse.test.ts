import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { greedyDeterminant } from '../../../src/data/mix/determinantal.js';
import { dot, sampleDeterminantal } from '../../../src/data/mix/sample-determinantal.js';
import { selectDiverse } from '../../../src/data/mix/select-diverse.js';
import { symmetricEigen } from '../../../src/data/mix/symmetric-eigen.js';
import { fold, key } from '../../../src/engine/key.js';

/** By expansion along the first row. */
function determinant(matrix: readonly (readonly number[])[]): number {
  const [first, ...rest] = matrix;
  if (first === undefined) return 1;
  return first.reduce(
    (sum, value, column) =>
      sum +
      (column % 2 === 0 ? 1 : -1) * value * determinant(rest.map((row) => row.filter((_, index) => index !== column))),
    0,
  );
}
const minor = (matrix: readonly (readonly number[])[], items: readonly number[]): number =>
  determinant(items.map((row) => items.map((column) => matrix[row]?.[column] ?? 0)));
const subsets = (count: number, size: number): number[][] =>
  size === 0
    ? [[]]
    : Array.from({ length: count }, (_, item) => item).flatMap(
        (item) =>
        subsets(count, size - 1).filter(([least = Infinity]) => item < least).map((rest) => [item, ...rest]), // prettier-ignore
      );
/** A kernel of 5 items: B Bᵀ. */
const kernels = fc
  .array(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }), {
    minLength: 5,
    maxLength: 5,
  })
  .map((rows) => rows.map((a, i) => rows.map((b, j) => dot(a, b) + (i === j ? 0.05 : 0))));

describe('greedyDeterminant', () => {
  test('adds each time the item of the largest determinant, by brute force', () => {
    fc.assert(
      fc.property(kernels, (matrix) => {
        const chosen = greedyDeterminant(5, 4, (a, b) => matrix[a]?.[b] ?? 0);
        expect(chosen).toHaveLength(4);
        chosen.forEach(({ gain }, index) => {
          const before = chosen.slice(0, index).map(({ item }) => item);
          const rest = [0, 1, 2, 3, 4].filter((item) => !before.includes(item));
          const best = Math.max(...rest.map((item) => minor(matrix, [...before, item])));
          expect(minor(matrix, chosen.slice(0, index + 1).map(({ item }) => item)) / best).toBeCloseTo(1, 6); // prettier-ignore
          expect((gain * minor(matrix, before)) / best).toBeCloseTo(1, 6);
        });
      }),
      { numRuns: 100 },
    );
  });

  test('stops where nothing is left to add', () => {
    const vectors = [
      [1, 0],
      [0.6, 0.8],
      [0, 1],
    ];
    expect(greedyDeterminant(3, 3, (a, b) => dot(vectors[a] ?? [], vectors[b] ?? [])).map(({ item }) => item)).toEqual([
      0, 2,
    ]);
  });
});

describe('sampleDeterminantal', () => {
  test('draws each set as often as its determinant says, by enumeration', () => {
    const matrix = [
      [1, 0.8, 0.1, 0],
      [0.8, 1.2, 0.3, 0.1],
      [0.1, 0.3, 0.7, 0.2],
      [0, 0.1, 0.2, 0.5],
    ];
    const sets = subsets(4, 2);
    const total = sets.reduce((sum, set) => sum + minor(matrix, set), 0);
    const draws = 6000;
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw++) {
      const name = sampleDeterminantal(4, 2, (a, b) => matrix[a]?.[b] ?? 0, fold(key(23), draw)).join();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const chi = sets.reduce((sum, set) => {
      const expected = (draws * minor(matrix, set)) / total;
      return sum + ((counts.get(set.join()) ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect(sets).toHaveLength(6);
    expect(chi).toBeLessThan(20.5); // 5 degrees of freedom, 0.999
  });

  test('all items, where all are wanted', () => {
    expect(sampleDeterminantal(3, 3, (a, b) => (a === b ? 1 : 0.5), key(1))).toEqual([0, 1, 2]);
  });
});

test('eigenvectors by what they are: L v = λ v', () => {
  fc.assert(
    fc.property(kernels, (matrix) => {
      const { values, vectors } = symmetricEigen(matrix);
      vectors.forEach((vector, index) => {
        matrix.forEach((row, at) => {
          expect(dot(row, vector)).toBeCloseTo((values[index] ?? NaN) * (vector[at] ?? NaN), 9);
        });
        expect(dot(vector, vectors[(index + 1) % 5] ?? [])).toBeCloseTo(0, 9);
      });
    }),
    { numRuns: 50 },
  );
});

describe('selectDiverse', () => {
  const directions: Record<string, readonly number[]> = {
    a: [1, 0, 0],
    'a too': [0.99, 0.1, 0],
    b: [0, 2, 0],
    c: [0, 0, 3],
  };
  const documents = Object.keys(directions).map((text) => document({ text, source: 's', domain: 'd' }));
  const embed = ({ text }: Document): readonly number[] => directions[text] ?? [0, 0, 0];
  const kept = async (options: Parameters<typeof selectDiverse>[0], list = documents): Promise<string[]> =>
    (await selectDiverse(options).judge(list))
      .flatMap((verdict) => ('keep' in verdict ? [verdict.keep.text] : []))
      .sort();

  test('takes the unlike, and of two alike the better, whatever the order', async () => {
    const quality = ({ text }: Document): number => (text === 'a too' ? 2 : 1);
    expect(await kept({ embed, size: 3, quality })).toEqual(['a too', 'b', 'c']);
    expect(
      await kept({ embed: (one) => Promise.resolve(embed(one)), size: 3, quality }, documents.toReversed()),
    ).toEqual(['a too', 'b', 'c']);
    expect(await kept({ embed, size: 4, bandwidth: 0.5 })).toHaveLength(4);
    expect(await kept({ embed, size: 2, method: 'sample', key: key(4) })).toHaveLength(2);
  });

  test('says why it cannot', async () => {
    await expect(kept({ embed, size: 4 })).rejects.toThrow(/3 of 4 wanted: the embeddings have 3 numbers/u);
    await expect(kept({ embed, size: 4, method: 'sample', key: key(1) })).rejects.toThrow('span 3 dimensions');
    await expect(kept({ embed: () => [0, 0], size: 1 })).rejects.toThrow('no direction');
    await expect(kept({ embed, size: 1, quality: () => 0 })).rejects.toThrow('quality must be above 0');
    expect(() => selectDiverse({ embed, size: 1.5 })).toThrow('nothing can be selected so');
    // @ts-expect-error: a sample needs a key
    expect(() => selectDiverse({ embed, size: 1, method: 'sample' })).not.toThrow();
  });
});
