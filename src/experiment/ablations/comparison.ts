import type { AblationRecord, Cell } from './record.js';
import { seedsNeeded } from './power.js';
import { twoSidedQuantile, twoSidedTail } from './student-t.js';

/** An arm beside the baseline: differences are paired by seed. */
export interface Difference {
  /** arm − baseline, in the unit of the measure. */
  readonly mean: number;
  /** 95% by Student's t over the pairs; undefined with fewer than two. */
  readonly interval: readonly [number, number] | undefined;
  readonly numPairs: number;
  /** Of the paired t-test, two-sided. */
  readonly pValue: number | undefined;
  /** The same after Holm's correction over the arms. */
  readonly corrected: number | undefined;
  /** Mean difference by the standard deviation of the differences (Cohen's d for pairs). */
  readonly effectSize: number | undefined;
  /** Seeds with which a true difference of this size is found with a chance of 80% at the 5% level. */
  readonly seedsNeeded: number | undefined;
  /** The 95% interval contains 0: the gap is inside the noise. */
  readonly insideNoise: boolean;
}

/** One row of an ablation's result table. */
export interface ArmResult {
  readonly arm: string;
  readonly isBaseline: boolean;
  readonly values: readonly { readonly seed: number; readonly value: number }[];
  readonly numFailed: number;
  readonly numStopped: number;
  readonly mean: number | undefined;
  /** 95% by Student's t over the seeds. */
  readonly interval: readonly [number, number] | undefined;
  /** To the baseline; undefined for the baseline itself, and without a common seed. */
  readonly difference: Difference | undefined;
}

/** Mean and 95% interval of some numbers; the interval is undefined for fewer than two. */
export interface Estimate {
  readonly mean: number;
  /** Standard deviation, with n − 1. */
  readonly deviation: number | undefined;
  readonly interval: readonly [number, number] | undefined;
}

/** x̄ ± t₀.₀₂₅ s / √n, Student's t with n − 1 degrees of freedom. Undefined for no numbers at all. */
export function estimate(values: readonly number[]): Estimate | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  // Summed in the order of size: the order of seeds makes no difference, not even in the last bit.
  const sorted = [...values].sort((a, b) => a - b);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0);
  // Equal values have themselves as their mean; a rounded mean would give them a deviation.
  const mean = sorted[0] === sorted.at(-1) ? (sorted[0] ?? 0) : sum(sorted) / count;
  if (count === 1) return { mean, deviation: undefined, interval: undefined };
  const squares = sorted.map((value) => (value - mean) ** 2).sort((a, b) => a - b);
  const deviation = Math.sqrt(sum(squares) / (count - 1));
  const half = (twoSidedQuantile(0.05, count - 1) * deviation) / Math.sqrt(count);
  return { mean, deviation, interval: [mean - half, mean + half] };
}

/**
 * Holm's correction (1979, "A simple sequentially rejective multiple test procedure"): with p₍₁₎ ≤ … ≤ p₍ₘ₎,
 * p̃₍ᵢ₎ = max_{j ≤ i} min(1, (m − j + 1) p₍ⱼ₎). The chance of any false finding among m is then at most the level.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((pValue, index) => ({ pValue, index })).sort((a, b) => a.pValue - b.pValue);
  const corrected = new Array<number>(pValues.length).fill(1);
  let least = 0;
  order.forEach(({ pValue, index }, place) => {
    least = Math.max(least, Math.min(1, (pValues.length - place) * pValue));
    corrected[index] = least;
  });
  return corrected;
}

type Values = ReadonlyMap<number, number>;

/** The paired t-test of an arm against the baseline, over the seeds that both have; undefined without a common seed. */
function differenceOf(arm: Values, baseline: Values): Omit<Difference, 'corrected'> | undefined {
  const differences = [...arm].flatMap(([seed, value]) => {
    const other = baseline.get(seed);
    return other === undefined ? [] : [value - other];
  });
  const found = estimate(differences);
  if (found === undefined) return undefined;
  const { mean, deviation, interval } = found;
  const numPairs = differences.length;
  if (deviation === undefined) {
    const unknown = { pValue: undefined, effectSize: undefined, seedsNeeded: undefined };
    return { mean, interval, numPairs, ...unknown, insideNoise: true };
  }
  // Without any spread t is 0 / 0 or infinite: no difference at all, or one that is the same with every seed.
  const effect = mean === 0 ? 0 : mean / deviation;
  return {
    mean,
    interval,
    numPairs,
    pValue: twoSidedTail(Math.abs(effect) * Math.sqrt(numPairs), numPairs - 1),
    effectSize: Number.isFinite(effect) ? effect : undefined,
    seedsNeeded: seedsNeeded(effect),
    insideNoise: interval === undefined || (interval[0] <= 0 && interval[1] >= 0),
  };
}

/**
 * The result table: for each arm the mean over its seeds, and its difference to the baseline over the seeds that both have. Seeds
 * that failed or were stopped are counted, and left out of the means.
 *
 * Where several arms are compared, some differ by chance alone: `corrected` is Holm's correction over all arms that could be tested.
 *
 * @param measure the one of the ablation if not given, else the name of one of those measured besides
 * @example
 * for (const { arm, mean, difference } of compareArms(await readAblation(folder))) console.log(arm, mean, difference?.corrected);
 */
export function compareArms({ spec, cells }: AblationRecord, measure = spec.measure): ArmResult[] {
  const valueOf = (cell: Cell): number | undefined => (measure === spec.measure ? cell.value : cell.also?.[measure]);
  const byArm = new Map(spec.arms.map(({ name }) => [name, cells.filter((cell) => cell.arm === name)]));
  const valuesOf = (arm: string): Values =>
    new Map(
      (byArm.get(arm) ?? [])
        .filter((cell) => cell.state === 'done')
        .flatMap((cell) => {
          const value = valueOf(cell);
          return value === undefined ? [] : [[cell.seed, value] as const];
        })
        .sort(([a], [b]) => a - b),
    );
  const baseline = valuesOf(spec.baseline);
  const rows = spec.arms.map(({ name }) => {
    const own = byArm.get(name) ?? [];
    const values = valuesOf(name);
    const isBaseline = name === spec.baseline;
    const found = estimate([...values.values()]);
    return {
      arm: name,
      isBaseline,
      values: [...values].map(([seed, value]) => ({ seed, value })),
      numFailed: own.filter(({ state }) => state === 'failed').length,
      numStopped: own.filter(({ state }) => state === 'stopped').length,
      mean: found?.mean,
      interval: found?.interval,
      difference: isBaseline ? undefined : differenceOf(values, baseline),
    };
  });
  const tested = rows.flatMap(({ arm, difference }) =>
    difference?.pValue === undefined ? [] : [{ arm, pValue: difference.pValue }],
  );
  const corrections = holm(tested.map(({ pValue }) => pValue));
  const corrected = new Map(tested.map(({ arm }, index) => [arm, corrections[index]]));
  return rows.map((row) => ({
    ...row,
    difference: row.difference && { ...row.difference, corrected: corrected.get(row.arm) },
  }));
}
