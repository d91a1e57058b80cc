import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';
import { configLeaves, readMetric } from './where.js';
import type { RunEntry } from './run-entry.js';

/** Something that runs have each their own value of, in the order of the runs; undefined where one has none. */
export interface Compared<Value> {
  readonly name: string;
  readonly values: readonly (Value | undefined)[];
}

export interface RunComparison {
  readonly runs: readonly RunEntry[];
  /** Config paths, and `seed`, `code`, `numericClass`, whose values are not the same in all. */
  readonly differences: readonly Compared<Json>[];
  readonly numSameValues: number;
  /** `base.loss`: the last value, and the best where the name says what is better. */
  readonly metrics: readonly (Compared<number> & { readonly best: readonly (number | undefined)[] })[];
  /** Numbers that stages tell of themselves: `score.bits per byte`. */
  readonly facts: readonly Compared<string | number>[];
}

/** What differs between runs, and what came of it. */
export function compareRuns(runs: readonly RunEntry[]): RunComparison {
  const config = table(
    runs.map((run) => [
      ...configLeaves(run.config),
      ['seed', run.seed] as [string, Json],
      ['code', run.code] as [string, Json],
      ['numericClass', run.numericClass] as [string, Json],
    ]),
  );
  const differences = config.filter(
    ({ values }) => new Set(values.map((value) => (value === undefined ? '' : canonicalJson(value)))).size > 1,
  );
  const each = <Value>(take: (run: RunEntry) => [string, Value][]): Compared<Value>[] => table(runs.map(take));
  const metricsOf = (run: RunEntry, reading: 'last' | 'best'): [string, number][] =>
    run.metrics.flatMap(({ stage, metrics }) =>
      metrics.flatMap((metric): [string, number][] => {
        const value = readMetric(metric, reading);
        return value === undefined ? [] : [[`${stage}.${metric.name}`, value]];
      }),
    );
  const best = new Map(each((run) => metricsOf(run, 'best')).map(({ name, values }) => [name, values]));
  return {
    runs,
    differences,
    numSameValues: config.length - differences.length,
    metrics: each((run) => metricsOf(run, 'last')).map(({ name, values }) => ({
      name,
      values,
      best: best.get(name) ?? [],
    })),
    facts: each((run) =>
      run.done.flatMap(({ stage, facts }) =>
        Object.entries(facts).map(([fact, value]): [string, string | number] => [`${stage}.${fact}`, value]),
      ),
    ),
  };
}

/** Pairs of each run, by name in the order of their first appearance. */
function table<Value>(columns: readonly (readonly (readonly [string, Value])[])[]): Compared<Value>[] {
  const maps = columns.map((pairs) => new Map(pairs));
  const names = new Set(columns.flatMap((pairs) => pairs.map(([name]) => name)));
  return [...names].map((name) => ({ name, values: maps.map((map) => map.get(name)) }));
}
