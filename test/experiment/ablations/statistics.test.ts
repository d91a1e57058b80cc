import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareArms, estimate, holm } from '../../../src/experiment/ablations/comparison.js';
import { noncentralCdf, pairedPower, seedsNeeded } from '../../../src/experiment/ablations/power.js';
import type { AblationRecord, Cell } from '../../../src/experiment/ablations/record.js';
import {
  logGamma,
  logGammaHalfStep,
  twoSidedQuantile,
  twoSidedTail,
} from '../../../src/experiment/ablations/student-t.js';

// Made by fixtures/statistics.py with scipy and statsmodels.
interface Fixture {
  readonly logGamma: readonly [number, number][];
  readonly tails: readonly [number, number, number][];
  readonly quantiles: readonly [number, number, number][];
  readonly noncentral: readonly [number, number, number, number][];
  readonly power: readonly [number, number, number][];
  readonly seedsNeeded: readonly [number, number][];
  readonly pairs: readonly {
    readonly baseline: number[];
    readonly arm: number[];
    readonly mean: number;
    readonly interval: [number, number];
    readonly pValue: number;
    readonly effectSize: number;
    readonly armInterval: [number, number];
  }[];
  readonly holm: readonly { readonly pValues: number[]; readonly corrected: number[] }[];
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/statistics.json', import.meta.url), 'utf8')) as Fixture;

const close = (found: number | undefined, expected: number, relative = 1e-10): void => {
  expect(Math.abs((found ?? Number.NaN) - expected)).toBeLessThanOrEqual(
    relative * Math.max(Math.abs(expected), 1e-300),
  );
};

/** A record of arms by name, each with values by seed; undefined for a seed that failed. */
function recordOf(
  arms: Readonly<Record<string, readonly (number | undefined)[]>>,
  more: readonly Cell[] = [],
): AblationRecord {
  const names = Object.keys(arms);
  const seeds = Object.values(arms)[0]?.map((_, index) => index + 1) ?? [];
  const cells = Object.entries(arms).flatMap(([arm, values]) =>
    values.map((value, index): Cell =>
      value === undefined
        ? { arm, seed: index + 1, state: 'failed', error: 'no' }
        : { arm, seed: index + 1, state: 'done', value },
    ),
  );
  return {
    folder: '',
    spec: {
      format: 1,
      name: 'a',
      id: 'a',
      experiment: 'a',
      createdAt: '',
      code: '',
      numericClass: '',
      measure: 'm',
      also: [],
      better: 'lower',
      design: { kind: 'grid' },
      halving: null,
      axes: [],
      seeds,
      base: {},
      baseline: names[0] ?? '',
      arms: names.map((name) => ({ name, settings: {} })),
    },
    cells: [...cells, ...more],
  };
}

describe('as scipy and statsmodels', () => {
  test('ln Γ', () => {
    for (const [x, expected] of fixture.logGamma)
      expect(logGamma(x)).toBeCloseTo(expected, 12 - Math.log10(1 + Math.abs(expected)));
    // By hand: Γ(20.5)/Γ(20) and the series must agree where they meet.
    close(logGammaHalfStep(20), logGamma(20.5) - logGamma(20), 1e-12);
  });
  test.each(fixture.tails)('P(|T| ≥ %d), %d degrees of freedom', (t, degrees, expected) => {
    close(twoSidedTail(t, degrees), expected);
  });
  test.each(fixture.quantiles)('the t with tail %d, %d degrees of freedom', (tail, degrees, expected) => {
    close(twoSidedQuantile(tail, degrees), expected);
  });
  test.each(fixture.noncentral)('noncentral t at %d, %d degrees, δ = %d', (t, degrees, noncentrality, expected) => {
    expect(noncentralCdf(t, degrees, noncentrality)).toBeCloseTo(expected, 10);
  });
  test.each(fixture.power)('the power for effect %d with %d pairs', (effect, pairs, expected) => {
    expect(pairedPower(effect, pairs)).toBeCloseTo(expected, 8);
  });
  test.each(fixture.seedsNeeded)('effect %d needs %d seeds', (effect, needed) => {
    expect(seedsNeeded(effect)).toBe(needed);
    expect(seedsNeeded(-effect)).toBe(needed);
  });
  test.each(fixture.pairs)(
    'paired t-test $pValue',
    ({ baseline, arm, mean, interval, pValue, effectSize, armInterval }) => {
      const [, row] = compareArms(recordOf({ baseline, arm }));
      close(row?.difference?.mean, mean, 1e-12);
      close(row?.difference?.pValue, pValue);
      close(row?.difference?.corrected, pValue);
      close(row?.difference?.effectSize, effectSize);
      close(row?.difference?.interval?.[0], interval[0]);
      close(row?.difference?.interval?.[1], interval[1]);
      close(row?.interval?.[0], armInterval[0]);
      close(row?.interval?.[1], armInterval[1]);
      expect(row?.difference?.insideNoise).toBe(interval[0] <= 0 && interval[1] >= 0);
    },
  );
  test.each(fixture.holm)("Holm's correction of $pValues", ({ pValues, corrected }) => {
    holm(pValues).forEach((value, index) => {
      close(value, corrected[index] ?? Number.NaN, 1e-12);
    });
  });
});

describe('by hand', () => {
  test('t with one degree of freedom is Cauchy: P(|T| ≥ 1) = ½; with two, P(|T| ≥ t) = 1 − t/√(2 + t²)', () => {
    close(twoSidedTail(1, 1), 0.5, 1e-14);
    close(twoSidedTail(3, 2), 1 - 3 / Math.sqrt(11), 1e-13);
  });
  test('beyond 10,000 pairs the normal approximation goes on where the exact count ends', () => {
    const effect = (1.959963984540054 + 0.8416212335729143) / Math.sqrt(10_050);
    expect(seedsNeeded(effect)).toBe(10_052); // 10,050 + 1.92, rounded up
    expect(seedsNeeded(1e-12)).toBeUndefined(); // more than a number can count
  });
  test('0.1, 0.2, 0.3 against 0: mean 0.2, deviation 0.1, t = 2√3, p = 1 − 2√3/√14', () => {
    const [, row] = compareArms(recordOf({ base: [0, 0, 0], arm: [0.1, 0.2, 0.3] }));
    close(row?.difference?.mean, 0.2, 1e-14);
    close(row?.difference?.effectSize, 2, 1e-14);
    close(row?.difference?.pValue, 1 - (2 * Math.sqrt(3)) / Math.sqrt(14), 1e-12);
  });
});

describe('where the data are thin', () => {
  test('identical arms: p is 1, no effect, inside the noise', () => {
    const [, row] = compareArms(recordOf({ base: [1.1, 1.2, 1.3], arm: [1.1, 1.2, 1.3] }));
    expect(row?.difference).toEqual({
      mean: 0,
      interval: [0, 0],
      numPairs: 3,
      pValue: 1,
      corrected: 1,
      effectSize: 0,
      seedsNeeded: undefined,
      insideNoise: true,
    });
  });
  test('the same gap with every seed: no spread to divide by', () => {
    const [, row] = compareArms(recordOf({ base: [1, 2, 3], arm: [1.5, 2.5, 3.5] }));
    expect(row?.difference).toMatchObject({ mean: 0.5, interval: [0.5, 0.5], pValue: 0, insideNoise: false });
    expect(row?.difference?.effectSize).toBeUndefined();
    expect(row?.difference?.seedsNeeded).toBe(2);
  });
  test('one seed: a mean, no interval, no test', () => {
    const [base, row] = compareArms(recordOf({ base: [1], arm: [2] }));
    expect(base).toMatchObject({ mean: 1, interval: undefined, difference: undefined, isBaseline: true });
    expect(row?.difference).toMatchObject({
      mean: 1,
      numPairs: 1,
      pValue: undefined,
      corrected: undefined,
      insideNoise: true,
    });
  });
  test('failures are counted, and pairs are those seeds that both have', () => {
    const rows = compareArms(
      recordOf({
        base: [1, 1.1, undefined, 1.3],
        arm: [2, undefined, 2.2, 2.35],
        lost: [undefined, undefined, undefined, undefined],
      }),
    );
    expect(rows[0]).toMatchObject({ numFailed: 1, values: [{ seed: 1 }, { seed: 2 }, { seed: 4 }] });
    expect(rows[1]).toMatchObject({ numFailed: 1, difference: { numPairs: 2 } });
    close(rows[1]?.difference?.mean, (1 + 1.05) / 2, 1e-12);
    expect(rows[2]).toMatchObject({ numFailed: 4, mean: undefined, difference: undefined, values: [] });
  });
  test('a stopped cell has what it reached, and is no result', () => {
    const stopped: Cell = { arm: 'arm', seed: 4, state: 'stopped', rung: 0, value: 9 };
    const [, row] = compareArms(recordOf({ base: [1, 2, 3], arm: [2, 3, 4.5] }, [stopped]));
    expect(row).toMatchObject({ numStopped: 1, difference: { numPairs: 3 } });
  });
});

describe('properties', () => {
  const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 4, maxLength: 4 });
  const arms = fc.array(values, { minLength: 2, maxLength: 5 });

  test('the order of arms and of cells makes no difference', () => {
    fc.assert(
      fc.property(arms, fc.integer({ min: 0, max: 1000 }), (all, turn) => {
        const record = recordOf(Object.fromEntries(all.map((each, index) => [`arm${index}`, each])));
        const turned = <T>(list: readonly T[]): T[] => {
          const at = turn % list.length;
          return [...list.slice(at), ...list.slice(0, at)].reverse();
        };
        const other: AblationRecord = {
          ...record,
          spec: { ...record.spec, arms: turned(record.spec.arms) },
          cells: turned(record.cells),
        };
        const byName = (rows: readonly { readonly arm: string }[]): unknown[] =>
          [...rows].sort((a, b) => a.arm.localeCompare(b.arm));
        expect(byName(compareArms(other))).toEqual(byName(compareArms(record)));
      }),
    );
  });
  test('p-values are in [0, 1], corrected ones no smaller, and the interval holds the mean', () => {
    fc.assert(
      fc.property(arms, (all) => {
        for (const { difference } of compareArms(
          recordOf(Object.fromEntries(all.map((each, index) => [`arm${index}`, each]))),
        )) {
          if (difference === undefined) continue;
          const { pValue = -1, corrected = -1, interval = [1, 0], mean } = difference;
          expect(pValue).toBeGreaterThanOrEqual(0);
          expect(corrected).toBeGreaterThanOrEqual(pValue);
          expect(corrected).toBeLessThanOrEqual(1);
          expect(interval[0]).toBeLessThanOrEqual(mean);
          expect(interval[1]).toBeGreaterThanOrEqual(mean);
        }
      }),
    );
  });
  test('a shift of all values of a seed changes no difference; p < 5% just when the interval leaves 0 out', () => {
    fc.assert(
      fc.property(values, values, fc.double({ min: -5, max: 5, noNaN: true }), (base, arm, shift) => {
        const [, one] = compareArms(recordOf({ base, arm }));
        const [, two] = compareArms(recordOf({ base: base.map((x) => x + shift), arm: arm.map((x) => x + shift) }));
        const { mean = 0, pValue = 1, insideNoise } = one?.difference ?? {};
        expect(two?.difference?.mean).toBeCloseTo(mean, 8);
        if (Math.abs(pValue - 0.05) > 1e-9) expect(insideNoise).toBe(pValue > 0.05);
      }),
    );
  });
  test('the quantile is the inverse of the tail', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 0.99, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        (tail, degrees) => {
          close(twoSidedTail(twoSidedQuantile(tail, degrees), degrees), tail, 1e-9);
        },
      ),
    );
  });
  test('an estimate of nothing is undefined', () => {
    expect(estimate([])).toBeUndefined();
  });
});
