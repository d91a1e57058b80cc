import type { Json } from '../../files.js';
import { checkName, compareValues, holds, valueOf } from './where.js';
import type { Condition } from './where.js';
import type { RunEntry } from './run-entry.js';

export interface Selection {
  readonly state?: RunEntry['state'];
  /** All must hold. */
  readonly where?: readonly Condition[];
  /** A name as in a condition; the newest first if not given. Runs without it come last. */
  readonly sort?: string;
  readonly descending?: boolean;
  readonly limit?: number;
}

/** Those of a list of runs that are asked for, in order. */
export function selectRuns(
  runs: readonly RunEntry[],
  { state, where = [], sort, descending = false, limit }: Selection,
): RunEntry[] {
  for (const name of [...where.map((condition) => condition.name), ...(sort === undefined ? [] : [sort])]) {
    checkName(runs, name);
  }
  const chosen = runs.filter(
    (run) => (state === undefined || run.state === state) && where.every((condition) => holds(run, condition)),
  );
  const ordered = sort === undefined ? chosen : sortBy(chosen, sort, descending);
  return ordered.slice(0, limit ?? ordered.length);
}

function sortBy(runs: readonly RunEntry[], name: string, descending: boolean): RunEntry[] {
  const keyed = runs.map((run) => ({ run, value: orderable(valueOf(run, name)) }));
  return keyed
    .sort(({ value: a }, { value: b }) => {
      if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
      const order = compareValues(a, b) || 0;
      return descending ? -order : order;
    })
    .map(({ run }) => run);
}

function orderable(value: Json | undefined): Json | undefined {
  return typeof value === 'number' && Number.isNaN(value) ? undefined : value;
}
