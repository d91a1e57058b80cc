import { createHash } from 'node:crypto';
import { table } from 'arquero';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomState } from '../../../src/data/table/random-state.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';
import { key } from '../../../src/engine/key.js';
import truth from './fixtures/tables.json' with { type: 'json' };

const range = (size: number): number[] => Array.from({ length: size }, (_, row) => row);
const hash = (rows: ArrayLike<number>): string => createHash('sha256').update(Array.from(rows).join(',')).digest('hex');
const sorted = (...parts: ArrayLike<number>[]): number[] =>
  parts.flatMap((part) => Array.from(part)).sort((a, b) => a - b);

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const credit = await readTable('credit_data', { columns: { Age: 'number', Status: 'string' } });
  const { train, test } = trainTestSplit(credit, { testSize: 0.2, seed: 42, stratify: 'Status' });
  trainTestSplit(train, { testSize: 0.2, seed: 42, stratify: 'Status' }); // for validation
  // @ts-expect-error rows of a test part may not become training rows
  trainTestSplit(test, { testSize: 0.2, seed: 42 });
  // @ts-expect-error a column that is not there
  trainTestSplit(credit, { testSize: 0.2, seed: 42, stratify: 'State' });
  // @ts-expect-error groups and classes at once
  trainTestSplit(credit, { testSize: 0.2, seed: 42, stratify: 'Status', group: 'Age' });
  // @ts-expect-error nothing is drawn of times
  trainTestSplit(credit, { testSize: 0.2, seed: 42, time: 'Age' });
  // @ts-expect-error scikit-learn knows no keys
  trainTestSplit(credit, { testSize: 0.2, key: key(42), order: 'sklearn' });
  // @ts-expect-error nothing to draw by
  trainTestSplit(credit, { testSize: 0.2 });
  // @ts-expect-error rows of the test part would get among the training rows
  train.concat(test);
  train.filter('d => d.Age > 18');
}

describe('randomState, as numpy', () => {
  it('gives the same words and permutations', () => {
    const random = randomState(42);
    expect(truth.words.map(() => random.word())).toEqual(truth.words);
    for (const { seed, size, rows } of truth.permutations)
      expect(randomState(seed).permutation(range(size))).toEqual(rows);
    // 5,000 rows: the state is renewed eight times.
    expect(hash(randomState(42).permutation(range(truth.long.size)))).toBe(truth.long.sha256);
  });

  it('refuses a seed that numpy refuses', () => {
    for (const wrong of [-1, 2 ** 32, 0.5]) expect(() => randomState(wrong)).toThrow('numpy has no such seed');
  });
});

describe('order: sklearn', () => {
  it.each(truth.splits)('$name: $testSize of $size rows with seed $seed', async (split) => {
    const { name, size, testSize, seed } = split;
    const classes = {
      plain: undefined,
      ties: truth.ties,
      credit: name === 'credit' ? ((await readTable('credit_data')).array('Status') as string[]) : undefined,
    }[name];
    const options = { testSize, seed, order: 'sklearn' as const };
    const { train, test, rows } = trainTestSplit(
      range(size),
      classes === undefined ? options : { ...options, stratify: classes },
    );
    if ('train' in split) expect({ train, test }).toEqual({ train: split.train, test: split.test });
    expect([hash(train), hash(test)]).toEqual([split.trainHash, split.testHash]);
    expect([hash(rows.train), hash(rows.test)]).toEqual([split.trainHash, split.testHash]);
  });
});

describe('trainTestSplit', () => {
  it('puts each row in one part, ⌈testSize · rows⌉ of them in the test, by key and in their order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.double({ min: 0.01, max: 0.6, noNaN: true }),
        fc.nat(),
        (size, testSize, seed) => {
          fc.pre(Math.ceil(testSize * size) < size);
          const { train, test } = trainTestSplit(range(size), { testSize, seed });
          expect(sorted(train, test)).toEqual(range(size));
          expect(test).toHaveLength(Math.ceil(testSize * size));
          expect([...train]).toEqual(sorted(train));
          expect(trainTestSplit(range(size), { testSize, key: key(seed) }).test).toEqual(test);
        },
      ),
    );
    const split = (seed: number): readonly number[] => trainTestSplit(range(100), { testSize: 0.2, seed }).test;
    expect(split(1)).not.toEqual(split(2));
  });

  it('splits tables and typed arrays', () => {
    const whole = table({ x: range(10), y: range(10).map(String) }).filter((row: { x: number }) => row.x >= 5);
    const { train, test, rows } = trainTestSplit(whole, { testSize: 0.4, seed: 3 });
    expect(sorted(train.array('x') as number[], test.array('x') as number[])).toEqual([5, 6, 7, 8, 9]);
    expect(test.array('y')).toEqual(Array.from(rows.test, (row) => String(row + 5)));
    const floats = trainTestSplit(Float32Array.from([0.5, 1.5, 2.5]), { testSize: 0.3, seed: 3 });
    expect(floats.train).toBeInstanceOf(Float32Array);
    expect(sorted(floats.train, floats.test)).toEqual([0.5, 1.5, 2.5]);
  });

  it('gives each class its share, to within one row', () => {
    const classes = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 20, maxLength: 80 });
    fc.assert(
      fc.property(classes, fc.nat(), (stratify, seed) => {
        const count = (rows: readonly string[], label: string): number => rows.filter((one) => one === label).length;
        fc.pre(['a', 'b', 'c'].every((label) => count(stratify, label) !== 1));
        const { test, rows } = trainTestSplit(stratify, { testSize: 0.2, seed, stratify });
        expect(sorted(rows.train, rows.test)).toEqual(range(stratify.length));
        expect(test).toHaveLength(Math.ceil(0.2 * stratify.length));
        const share = test.length / stratify.length;
        for (const label of ['a', 'b', 'c'])
          expect(Math.abs(count(test, label) - share * count(stratify, label))).toBeLessThan(1);
      }),
    );
    const draw = (stratify: readonly unknown[]) => () =>
      trainTestSplit(range(stratify.length), { testSize: 0.2, seed: 1, stratify });
    expect(draw(['a', 'a', 'a', 'a', 'b'])).toThrow(/one row alone of b/u);
    expect(draw(['a', 'a', 'b', 'b'])).toThrow(/2 classes, 3 rows to train on, 1 to test on/u);
    expect(draw(['a', 'a', null, 'b'])).toThrow(/a value of \{ stratify \} is missing\s+received: null in row 2/u);
  });

  it('keeps groups whole', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 10, maxLength: 80 });
    fc.assert(
      fc.property(groups, fc.nat(), (group, seed) => {
        fc.pre(new Set(group).size > 1);
        const { train, test } = trainTestSplit(group, { testSize: 0.3, seed, group });
        expect(train.filter((one) => test.includes(one))).toEqual([]);
        expect(train.length + test.length).toBe(group.length);
        expect(Math.min(train.length, test.length)).toBeGreaterThan(0);
        const largest = Math.max(...[...new Set(group)].map((one) => group.filter((other) => other === one).length));
        expect(Math.abs(test.length - 0.3 * group.length)).toBeLessThanOrEqual(largest + 1);
      }),
    );
    expect(() => trainTestSplit([1, 2], { testSize: 0.5, seed: 1, group: ['x', 'x'] })).toThrow('1 group: x');
  });

  it('takes the latest rows, rows of one time together', () => {
    const rows = table({ day: ['2026-01-03', '2026-01-01', '2026-01-02', '2026-01-03'], x: [0, 1, 2, 3] });
    const { train, test } = trainTestSplit(rows, { testSize: 0.25, time: 'day' });
    expect([train.array('x'), test.array('x')]).toEqual([
      [1, 2],
      [0, 3],
    ]);
    const dates = [5, 3, 9, 1].map((day) => new Date(2026, 0, day));
    expect(trainTestSplit(range(4), { testSize: 0.5, time: dates }).test).toEqual([0, 2]);
    expect(() => trainTestSplit(range(4), { testSize: 0.5, time: [7, 7, 7, 7] })).toThrow('no row is earlier');
  });

  it('refuses a size that leaves a part empty, and items that are not one a row', () => {
    for (const testSize of [0, 1, -1, NaN, 0.9])
      expect(() => trainTestSplit(range(3), { testSize, seed: 1 })).toThrow('leaves a part without rows');
    expect(() => trainTestSplit(range(5), { testSize: 0.4, seed: 1, group: [1, 2] })).toThrow('2 items');
  });
});
