import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { holm, proportionTest, rateRatio, sampledShare, wilson } from '../../../src/data/audit/proportions.js';
import type { Count } from '../../../src/data/audit/proportions.js';

interface Reference {
  readonly wilson: readonly { k: number; n: number; interval: readonly [number, number] }[];
  readonly tables: readonly {
    a: Count;
    b: Count;
    z: number;
    fisher: number;
    ratio: number;
    interval: readonly [number, number];
  }[];
  readonly exact: readonly { k: number; n: number; population: number; limits: readonly [number, number] }[];
  readonly holm: { given: number[]; corrected: number[] };
}
const reference = JSON.parse(
  readFileSync(new URL('./fixtures/proportions.json', import.meta.url), 'utf8'),
) as Reference;

describe('as statsmodels and SciPy have it', () => {
  test.each(reference.wilson)('Wilson’s interval of $k of $n', ({ k, n, interval }) => {
    const found = wilson(k, n);
    expect(found.low).toBeCloseTo(interval[0], 10);
    expect(found.high).toBeCloseTo(interval[1], 10);
  });

  test.each(reference.tables)('the ratio and test of $a and $b', ({ a, b, z, fisher, ratio, interval }) => {
    const found = rateRatio(a, b);
    expect(found.value).toBeCloseTo(ratio, 10);
    expect(found.low / interval[0]).toBeCloseTo(1, 9);
    expect(found.high / interval[1]).toBeCloseTo(1, 9);
    const cases = a.k + b.k;
    const few = (Math.min(cases, a.n + b.n - cases) * Math.min(a.n, b.n)) / (a.n + b.n) < 5;
    expect(proportionTest(a, b) / (few ? fisher : z)).toBeCloseTo(1, 5);
  });

  test('Holm’s correction', () => {
    holm(reference.holm.given).forEach((p, index) => {
      expect(p).toBeCloseTo(reference.holm.corrected[index] ?? Number.NaN, 12);
    });
  });
});

describe('the share in a finite population', () => {
  test('has no doubt where all was counted', () => {
    expect(sampledShare(3, 10, 10)).toEqual({ value: 0.3, low: 0.3, high: 0.3 });
    // 3 of 9 counted, one is left: 3 or 4 of 10.
    expect(sampledShare(3, 9, 10)).toEqual({ value: 3 / 9, low: 0.3, high: 0.4 });
  });

  test.each(reference.exact)('$k of $n from $population, as by trying every number with SciPy', (one) => {
    const { low, high } = sampledShare(one.k, one.n, one.population);
    expect([Math.round(low * one.population), Math.round(high * one.population)]).toEqual(one.limits);
  });
});

test('nobody among the others: the ratio is that of half a case more in each cell', () => {
  // (3.5 / 10.5) / (0.5 / 20.5), by hand
  expect(rateRatio({ k: 3, n: 10 }, { k: 0, n: 20 }).value).toBeCloseTo(13.6667, 4);
});
