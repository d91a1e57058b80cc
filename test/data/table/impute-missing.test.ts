import { table } from 'arquero';
import { describe, expect, it } from 'vitest';
import { features } from '../../../src/data/table/features.js';
import { fit, parseFitted, transform } from '../../../src/data/table/fit.js';
import { imputeMissing } from '../../../src/data/table/impute-missing.js';
import type { Strategy } from '../../../src/data/table/impute-missing.js';
import { asTrain } from '../../../src/data/table/part.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';
import truth from './fixtures/prepared.json' with { type: 'json' };

const strategies: Readonly<Record<string, (values: readonly (string | number)[]) => Strategy>> = {
  mean: () => 'mean',
  median: () => 'median',
  most_frequent: () => 'most frequent',
  constant: ([constant = 0]) => ({ constant }),
};
const credit = await readTable('credit_data');
const { train, test } = trainTestSplit(credit, { testSize: 0.2, seed: 42, order: 'sklearn' });

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error the median of all rows would know those of the test
  fit(credit, imputeMissing(['Income'], 'median'));
  // @ts-expect-error test rows teach nothing
  fit(test, imputeMissing(['Income'], 'median'));
  // @ts-expect-error no such strategy
  imputeMissing(['Income'], 'mode');
}

describe('imputeMissing', () => {
  it.each(truth.imputers)('learns and fills as SimpleImputer: $strategy of $columns', (expected) => {
    const { strategy, columns, values, indicators, missing } = expected;
    const imputer = imputeMissing(columns, strategies[strategy]?.(values) ?? 'mean', { indicator: true });
    const [learned] = fit(train, imputer);
    if (learned?.kind !== 'imputation') throw new Error('no imputation');
    expect(learned.columns.map(({ value }) => value)).toEqual(
      values.map((value) => (typeof value === 'number' ? (expect.closeTo(value, 9) as number) : value)),
    );
    expect(learned.columns.flatMap(({ name, indicator }) => (indicator === undefined ? [] : [name]))).toEqual(
      indicators,
    );
    const filled = transform([learned], test);
    const sums = indicators.map((name) =>
      (filled.array(`${name} is missing`) as number[]).reduce((sum, value) => sum + value, 0),
    );
    expect(sums).toEqual(missing);
    if (expected.means === undefined) return;
    const means = columns.map((name) => (filled.array(name) as number[]).reduce((a, b) => a + b, 0) / filled.numRows());
    expect(means).toEqual(expected.means.map((mean) => expect.closeTo(mean, 8) as number));
  });

  const gaps = asTrain(
    table({ x: [1, null, NaN, 4], s: ['b', 'a', null, undefined], flag: [true, null, true, false] }),
  );

  it('by hand: of equally frequent values the least, booleans too, and NaN is missing', () => {
    const filled = transform(
      fit(gaps, imputeMissing({ except: ['x'] }, 'most frequent'), imputeMissing(['x'], 'mean', { indicator: true })),
      gaps,
    );
    expect(filled.objects()).toEqual([
      { x: 1, s: 'b', flag: true, 'x is missing': 0 },
      { x: 2.5, s: 'a', flag: true, 'x is missing': 1 },
      { x: 2.5, s: 'a', flag: true, 'x is missing': 1 },
      { x: 4, s: 'a', flag: false, 'x is missing': 0 },
    ]);
    expect(gaps.array('x')).toEqual([1, null, NaN, 4]);
    expect(features(transform(fit(gaps, imputeMissing({ except: [] }, 'median')), gaps), ['x']).values).toEqual(
      Float32Array.of(1, 2.5, 2.5, 4),
    );
  });

  it('travels as JSON', () => {
    const learned = fit(gaps, imputeMissing(['s'], { constant: 'none' }, { indicator: true }));
    expect(parseFitted(JSON.parse(JSON.stringify(learned)))).toEqual(learned);
  });

  it('refuses what it cannot learn from', () => {
    const bad = asTrain(table({ none: [null, NaN], inf: [1, Infinity], s: ['a', null], 's is missing': [1, 2] }));
    expect(() => fit(bad, imputeMissing(['none'], 'mean'))).toThrow(/column none has no value to learn from/u);
    expect(() => fit(bad, imputeMissing(['inf'], 'median'))).toThrow(/column inf [\s\S]*received: Infinity/u);
    expect(() => fit(bad, imputeMissing(['s'], 'mean'))).toThrow(
      /column s [\s\S]*received: "a"\s+expected: finite values of the kind number/u,
    );
    expect(() => fit(bad, imputeMissing(['s'], { constant: 0 }))).toThrow('column s has a value that does not suit');
    expect(() => fit(bad, imputeMissing(['gone'], 'mean'))).toThrow('no such column');
    expect(() => fit(bad, imputeMissing(['s'], 'most frequent', { indicator: true }))).toThrow(
      /two columns would have one name\s+received: s is missing/u,
    );
  });
});
