import type { RecordedRun, RecordedStage } from './recorded-run.js';

/** A number of a stage in both runs. */
export interface ValueComparison {
  readonly name: string;
  readonly recorded: number | null;
  readonly now: number | null | undefined;
  /** |a − b| / max(|a|, |b|): 0 where both are equal, infinite where one of them is no number. */
  readonly relativeDifference: number;
}

/** A stage in both runs. */
export interface StageComparison {
  readonly stage: string;
  readonly recorded: string;
  /** Undefined where the second run did not come to it. */
  readonly now: string | undefined;
  readonly equal: boolean;
  readonly values: readonly ValueComparison[];
}

export interface Comparison {
  readonly verdict: 'reproduced bit for bit' | 'within tolerance' | 'differs';
  /** The first stage that made another artifact, in the order of the experiment. */
  readonly first: string | undefined;
  readonly stages: readonly StageComparison[];
  /** The largest relative difference of any number, with where it is; undefined where there are no numbers. */
  readonly largest: { readonly stage: string; readonly name: string; readonly relativeDifference: number } | undefined;
}

export interface CompareOptions {
  /** The relative difference that each number may have. */
  readonly tolerance: number;
  /** Whether engine, machine and Node are the same, so that the bits must be; else numbers within the tolerance do. */
  readonly sameComputing: boolean;
}

function relativeDifference(a: number | null, b: number | null | undefined): number {
  if (a === b) return 0;
  if (a === null || b === null || b === undefined) return Number.POSITIVE_INFINITY;
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

function compareStage(recorded: RecordedStage, now: RecordedStage | undefined): StageComparison {
  const values = Object.entries(recorded.values).map(([name, value]) => ({
    name,
    recorded: value,
    now: now?.values[name],
    relativeDifference: relativeDifference(value, now?.values[name]),
  }));
  return {
    stage: recorded.stage,
    recorded: recorded.artifact,
    now: now?.artifact,
    equal: recorded.artifact === now?.artifact,
    values,
  };
}

/**
 * Compares a run with one that was made to reproduce it, stage by stage. Equal hashes of all artifacts: bit for bit. Else, and
 * only if the engine or the machine is another: within tolerance if all stages ran and every number of theirs (last
 * metrics, facts of summaries; not those of speed, time and memory) is within the tolerance and there is at least one.
 *
 * @example
 * compareOutcomes(recorded, fresh, { tolerance: 0.02, sameComputing: true }).verdict; // 'reproduced bit for bit'
 */
export function compareOutcomes(
  recorded: Pick<RecordedRun, 'stages'>,
  now: Pick<RecordedRun, 'stages'>,
  { tolerance, sameComputing }: CompareOptions,
): Comparison {
  const stages = recorded.stages.map((stage) =>
    compareStage(
      stage,
      now.stages.find((each) => each.stage === stage.stage),
    ),
  );
  const numbers = stages.flatMap(({ stage, values }) =>
    values.map(({ name, relativeDifference: by }) => ({ stage, name, relativeDifference: by })),
  );
  const largest = numbers.reduce<Comparison['largest']>(
    (most, each) => (most === undefined || each.relativeDifference > most.relativeDifference ? each : most),
    undefined,
  );
  const first = stages.find(({ equal }) => !equal)?.stage;
  const close =
    !sameComputing &&
    stages.every((stage) => stage.now !== undefined) &&
    largest !== undefined &&
    largest.relativeDifference <= tolerance;
  const verdict = first === undefined ? 'reproduced bit for bit' : close ? 'within tolerance' : 'differs';
  return { verdict, first, stages, largest };
}
