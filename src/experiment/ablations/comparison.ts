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
