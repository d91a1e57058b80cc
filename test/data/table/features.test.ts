import { table } from 'arquero';
import { describe, expect, it } from 'vitest';
import { balancedClassWeights, rowWeights } from '../../../src/data/table/class-weights.js';
import { features } from '../../../src/data/table/features.js';
import { labels } from '../../../src/data/table/labels.js';
import { asTrain } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import truth from './fixtures/tables.json' with { type: 'json' };

const rows = table({ a: [1, 2, 3], b: [true, false, true], s: ['x', 'y', 'x'], gap: [1, null, 3], big: [1, 2, 1e39] });

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const credit = await readTable('credit_data', { columns: { Age: 'number', Status: 'string' } });
  features(credit, ['Age']);
  // @ts-expect-error a column that is not there
  features(credit, ['Income']);
  // @ts-expect-error nor can it be left out
  features(credit, { except: ['Income'] });
  // @ts-expect-error no class of that name
  labels(credit, 'State');
  // @ts-expect-error test rows say nothing about how to train
  balancedClassWeights(labels(credit, 'Status'));
}

describe('features', () => {
  it('are the numbers of columns, row by row, in the order asked for', () => {
    expect(features(rows, ['b', 'a'])).toEqual({
      numRows: 3,
      columns: ['b', 'a'],
      values: Float32Array.of(1, 1, 0, 2, 1, 3),
    });
    expect(features(rows, { except: ['s', 'gap', 'big'] }).columns).toEqual(['a', 'b']);
  });

  it('are never missing, infinite or text', () => {
    expect(() => features(rows, ['gap'])).toThrow(
      /column gap has a value that is no number\s+received: a missing value in row 1/u,
    );
    expect(() => features(rows, ['big'])).toThrow(/no 32-bit number\s+received: 1e\+39 in row 2/u);
    expect(() => features(rows, ['s'])).toThrow(/received: "x" in row 0[\s\S]*encodeCategories\(\['s'\]\)/u);
    expect(() => features(rows, [])).toThrow('no column is chosen');
    expect(() => features(rows, ['a', 'a'])).toThrow('chosen twice');
    expect(() => features(rows, ['A'])).toThrow(/no such column\s+received: A\s+expected: one of a, b/u);
  });
});

describe('labels', () => {
  it('are places among the sorted classes', () => {
    expect(labels(rows, 's')).toEqual({ classes: ['x', 'y'], indices: Int32Array.of(0, 1, 0) });
    expect(labels(table({ n: [10, 9, 10] }), 'n')).toEqual({ classes: [9, 10], indices: Int32Array.of(1, 0, 1) });
  });

  it('take the classes of the training rows, and no others', () => {
    expect(labels(rows, 's', ['z', 'y', 'x']).indices).toEqual(Int32Array.of(2, 1, 2));
    expect(() => labels(rows, 's', ['x'])).toThrow(/column s has another class\s+received: "y" in row 1/u);
    expect(() => labels(rows, 'gap')).toThrow(/column gap has a value that is no category/u);
  });
});

describe('balancedClassWeights', () => {
  it.each([
    ['german_credit', 'Class'],
    ['digits', 'digit'],
  ] as const)('%s as scikit-learn', async (name, column) => {
    const weights = balancedClassWeights(asTrain(labels(await readTable(name), column)));
    expect(weights).toEqual(truth.classWeights[name].map((weight) => expect.closeTo(weight, 12) as number));
  });

  it('make the classes weigh the same; a class without rows has no weight', () => {
    const own = asTrain(labels(rows, 's'));
    expect(rowWeights(own, balancedClassWeights(own))).toEqual(Float32Array.of(0.75, 1.5, 0.75));
    expect(() => balancedClassWeights(asTrain(labels(rows, 's', ['x', 'y', 'z'])))).toThrow(/received: z/u);
  });
});
