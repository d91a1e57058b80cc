import { createHash } from 'node:crypto';
import { table } from 'arquero';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropDuplicates } from '../../../src/data/table/drop-duplicates.js';
import { dropMissing } from '../../../src/data/table/drop-missing.js';
import { fit, transform } from '../../../src/data/table/fit.js';
import { asTrain } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { overSample, underSample } from '../../../src/data/table/resample.js';
import { standardScaler } from '../../../src/data/table/scaling.js';
import { smote } from '../../../src/data/table/smote.js';
import { smoteSpace } from '../../../src/data/table/smote-space.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';
import { fold, key, uniformNumbers } from '../../../src/engine/key.js';
import truth from './fixtures/prepared.json' with { type: 'json' };

const cancer = asTrain(await readTable('breast_cancer'));
const scaled = transform(fit(cancer, standardScaler({ except: ['diagnosis'] })), cancer);
const hash = (rows: readonly number[]): string => createHash('sha256').update(rows.join(',')).digest('hex');
const countsOf = (values: readonly unknown[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
};

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const credit = await readTable('credit_data', { columns: { Age: 'number', Status: 'string' } });
  const { train, test } = trainTestSplit(credit, { testSize: 0.2, seed: 42 });
  const { table: grown } = smote(train, 'Status', { seed: 42 });
  fit(grown, standardScaler(['Age'])); // still a training part
  // @ts-expect-error nothing is made of test rows
  smote(test, 'Status', { seed: 42 });
  // @ts-expect-error nor of all rows, of which some will be test rows
  smote(credit, 'Status', { seed: 42 });
  // @ts-expect-error nor are test rows repeated
  overSample(test, 'Status', { seed: 42 });
  // @ts-expect-error or left out
  underSample(credit, 'Status', { seed: 42 });
  // @ts-expect-error a column that is not there
  smote(train, 'State', { seed: 42 });
  // @ts-expect-error nothing to draw by
  smote(train, 'Status', {});
}

/** Mean over seeds of the mean and the deviation of each column in the made rows. */
function moments(parts: readonly (readonly (readonly number[])[])[]): { means: number[]; deviations: number[] } {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const numColumns = parts[0]?.length ?? 0;
  const over = (of: (values: readonly number[]) => number): number[] =>
    Array.from({ length: numColumns }, (_, column) => mean(parts.map((part) => of(part[column] ?? []))));
  return {
    means: over(mean),
    deviations: over((values) => Math.sqrt(mean(values.map((x) => (x - mean(values)) ** 2)))),
  };
}

describe('smote', () => {
  it('knows the neighbours that scikit-learn finds', () => {
    const rows = (cancer.array('diagnosis') as string[]).flatMap((value, row) => (value === 'malignant' ? [row] : []));
    const near = smoteSpace(scaled, 'diagnosis', []).neighbours(rows, 5);
    expect(near.slice(0, 8)).toEqual(truth.smote.near);
    expect(hash(near.flat())).toBe(truth.smote.nearHash);
  });

  it('makes rows with the means and deviations of those that imbalanced-learn makes', () => {
    const { columns, means, meanErrors, deviations, deviationErrors } = truth.smote;
    const parts = Array.from({ length: 20 }, (_, seed) => {
      const { table: grown } = smote(scaled, 'diagnosis', { seed });
      return columns.map((name) => (grown.array(name) as number[]).slice(cancer.numRows()));
    });
    const ours = moments(parts);
    // Theirs are means over 60 seeds, ours over 20: the difference has an error √(1 + 3) times as large as theirs alone.
    columns.forEach((_, column) => {
      expect(Math.abs((ours.means[column] ?? NaN) - (means[column] ?? NaN))).toBeLessThan(
        8 * (meanErrors[column] ?? NaN),
      );
      expect(Math.abs((ours.deviations[column] ?? NaN) - (deviations[column] ?? NaN))).toBeLessThan(
        8 * (deviationErrors[column] ?? NaN),
      );
    });
  });

  it('by hand: each made row lies on the way from a row to a neighbour, as the key says', () => {
    const small = asTrain(
      table({ x: [0, 10, 11, 30, 5, 5, 5], y: [0, 0, 2, 0, 9, 9, 9], c: ['a', 'a', 'a', 'b', 'b', 'b', 'b'] }),
    );
    const { table: grown, made } = smote(small, 'c', { seed: 3, neighbours: 1 });
    const [u1 = 0, , gap = 0] = uniformNumbers(fold(fold(fold(key(3), 'smote'), 'string a'), 0), 3);
    const from = Math.floor(u1 * 3);
    const to = [1, 2, 1][from] ?? 0; // (0, 0) is near (10, 0); that and (11, 2) are near each other
    expect(made).toEqual([{ class: 'a', between: [from, to], gap }]);
    const [x, y] = [
      [0, 10, 11],
      [0, 0, 2],
    ].map((values) => (values[from] ?? 0) + gap * ((values[to] ?? 0) - (values[from] ?? 0)));
    expect(grown.object(7)).toEqual({ x, y, c: 'a' });
    expect(grown.numRows()).toBe(8);
  });

  it('by hand: with categories, a mismatch costs the squared median of the deviations, and the most frequent wins', () => {
    // In class a: deviations of x and y are 2 and 1, their median 1.5, so another home is as far as 1.5 in a number.
    const mixed = table({
      x: [0, 4, 0, 4],
      y: [0, 2, 2, 0],
      home: ['rent', 'own', 'own', 'own'],
      c: ['a', 'a', 'a', 'a'],
    });
    const space = smoteSpace(mixed, 'c', []);
    // Row 0 to 1: 16 + 4 + 2.25; to 2: 4 + 2.25; to 3: 16 + 2.25.
    expect(space.neighbours([0, 1, 2, 3], 3)[0]).toEqual([2, 3, 1]);
    // Row 1 to 2: 16, to 3: 4, to 0: 22.25. Were a mismatch free, nothing would change here; row 2 shows it: 0 at 6.25, 1 at 16.
    expect(space.neighbours([0, 1, 2, 3], 3)[2]).toEqual([0, 1, 3]);
    const { table: grown, made } = smote(
      asTrain(
        mixed.concat(
          table({
            x: [9, 9, 9, 9, 9, 9, 9],
            y: [0, 0, 0, 0, 0, 0, 0],
            home: new Array(7).fill('rent'),
            c: new Array(7).fill('b'),
          }),
        ),
      ),
      'c',
      { seed: 1, neighbours: 3 },
    );
    expect(made).toHaveLength(3);
    expect(grown.array('home').slice(-3)).toEqual(['own', 'own', 'own']); // two or three of any row's neighbours
  });

  it('makes categories as often as imbalanced-learn, and numbers alike', async () => {
    const credit = dropDuplicates(dropMissing(await readTable('credit_data')).table).table;
    const names = ['Seniority', 'Age', 'Income', 'Debt'];
    const rows = asTrain(
      credit
        .slice(0, 1200)
        .select([...names, 'Home', 'Job', 'Status'])
        .reify(),
    );
    const prepared = transform(fit(rows, standardScaler(names)), rows);
    const { size, means, meanErrors, deviations, deviationErrors, shares } = truth.smotenc;
    const parts = Array.from({ length: 20 }, (_, seed) =>
      smote(prepared, 'Status', { seed }).table.slice(1200).reify(),
    );
    expect(parts[0]?.numRows()).toBe(size);
    const ours = moments(parts.map((part) => names.map((name) => part.array(name) as number[])));
    names.forEach((_, column) => {
      expect(Math.abs((ours.means[column] ?? NaN) - (means[column] ?? NaN))).toBeLessThan(
        6 * (meanErrors[column] ?? NaN),
      );
      expect(Math.abs((ours.deviations[column] ?? NaN) - (deviations[column] ?? NaN))).toBeLessThan(
        6 * (deviationErrors[column] ?? NaN),
      );
    });
    for (const [name, expected] of Object.entries(shares)) {
      const counts = countsOf(parts.flatMap((part) => part.array(name) as string[]));
      for (const [category, [mean, deviation]] of Object.entries(expected)) {
        // imbalanced-learn draws among equally frequent categories, ours takes the nearest's: a little apart.
        expect(Math.abs((counts[category] ?? 0) / (20 * size) - (mean ?? NaN))).toBeLessThan(
          0.03 + 2 * (deviation ?? NaN),
        );
      }
    }
  });

  it('makes the same rows for the same key, however many, and none outside of the class', () => {
    const half = smote(scaled, 'diagnosis', { key: key('x'), ratio: 0.8 });
    const whole = smote(scaled, 'diagnosis', { key: key('x') });
    expect(countsOf(half.table.array('diagnosis') as string[])).toEqual({
      benign: 357,
      malignant: Math.floor(0.8 * 357),
    });
    expect(countsOf(whole.table.array('diagnosis') as string[])).toEqual({ benign: 357, malignant: 357 });
    expect(whole.made.slice(0, half.made.length)).toEqual(half.made);
    expect(smote(scaled, 'diagnosis', { key: key('y') }).made).not.toEqual(whole.made);
    for (const { between } of whole.made) {
      for (const row of between) expect(cancer.get('diagnosis', row)).toBe('malignant');
    }
  });

  it('says what it cannot do', () => {
    const wrong = (data: Record<string, unknown[]>, pattern: RegExp): void => {
      expect(() => smote(asTrain(table(data)), 'c', { seed: 1 })).toThrow(pattern);
    };
    wrong({ x: [1, 2, 3], c: ['a', 'b', 'b'] }, /no two rows to make another between\s+received: one row of a/u);
    wrong({ x: [1, null, 3], c: ['a', 'b', 'b'] }, /column x [\s\S]*received: null in row 1[\s\S]*imputeMissing/u);
    wrong({ x: [1, Infinity, 3], c: ['a', 'b', 'b'] }, /received: Infinity in row 1/u);
    wrong({ s: ['x', 'y', 'z'], c: ['a', 'b', 'b'] }, /nothing lies between categories alone/u);
    wrong({ x: [1, 2], c: [null, 'b'] }, /column c has a value that is no category/u);
    expect(() => smote(scaled, 'gone', { seed: 1 })).toThrow('no such column');
    expect(() => smote(scaled, 'diagnosis', { seed: 1, ratio: 1.2 })).toThrow('no such ratio');
    expect(() => smote(scaled, 'diagnosis', { seed: 1, neighbours: 0 })).toThrow('no such number of neighbours');
    expect(() => smote(scaled, 'diagnosis', { seed: 1, categories: ['gone'] })).toThrow('no such column');
  });
});

describe('overSample and underSample', () => {
  it('bring classes to the ratio, whatever the classes, and add or drop nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 3, maxLength: 60 }),
        fc.constantFrom(0.3, 0.5, 1),
        fc.nat(),
        (classes, ratio, seed) => {
          const rows = asTrain(table({ id: classes.map((_, row) => row), c: classes }));
          const before = countsOf(classes);
          const most = Math.max(...Object.values(before));
          const least = Math.min(...Object.values(before));
          const over = overSample(rows, 'c', { seed, ratio });
          expect((over.table.array('id') as number[]).slice(0, classes.length)).toEqual(rows.array('id'));
          for (const [name, count] of Object.entries(countsOf(over.table.array('c') as string[]))) {
            expect(count).toBe(Math.max(before[name] ?? 0, Math.floor(ratio * most)));
          }
          const under = underSample(rows, 'c', { seed, ratio });
          const ids = under.table.array('id') as number[];
          expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
          expect(ids.length + under.dropped.length).toBe(classes.length);
          for (const [name, count] of Object.entries(countsOf(under.table.array('c') as string[]))) {
            expect(count).toBe(Math.min(before[name] ?? 0, Math.floor(least / ratio)));
          }
        },
      ),
    );
  });
});
