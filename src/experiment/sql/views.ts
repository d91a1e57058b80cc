import { exactly, literal } from '../../data/ledger/select.js';
import type { Json } from '../../files.js';
import { canonicalJson } from '../../files.js';
import type { AblationCells } from '../run-index/ablation-cells.js';
import type { RunEntry } from '../run-index/run-entry.js';
import { configLeaves } from '../run-index/where.js';

type Type = 'VARCHAR' | 'DOUBLE' | 'BIGINT' | 'BOOLEAN' | 'TIMESTAMP';
export type Cell = string | number | boolean | null;

/** A table that records fill: its columns with their types, and rows in that order; a TIMESTAMP is in ms since 1970. */
export interface RecordTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, Type>>;
  readonly rows: readonly (readonly Cell[])[];
}

/** One row a run. */
export function runsTable(runs: readonly RunEntry[]): RecordTable {
  return {
    name: 'runs',
    columns: {
      run: 'VARCHAR',
      experiment: 'VARCHAR',
      id: 'VARCHAR',
      state: 'VARCHAR',
      seed: 'BIGINT',
      created: 'TIMESTAMP',
      seconds: 'DOUBLE',
      peak_memory_bytes: 'DOUBLE',
      file: 'VARCHAR',
      code: 'VARCHAR',
      numeric_class: 'VARCHAR',
      error: 'VARCHAR',
    },
    rows: runs.map((run) => [
      run.name,
      run.experiment,
      run.id,
      run.state,
      run.seed,
      Date.parse(run.createdAt),
      run.seconds ?? null,
      run.peakMemoryBytes ?? null,
      run.file ?? null,
      run.code,
      run.numericClass,
      run.error ?? null,
    ]),
  };
}

/** One row for each finished stage of each run. */
export function stagesTable(runs: readonly RunEntry[]): RecordTable {
  return {
    name: 'stages',
    columns: { run: 'VARCHAR', stage: 'VARCHAR', seconds: 'DOUBLE', cached: 'BOOLEAN' },
    rows: runs.flatMap(({ name, done }) =>
      done.map(({ stage, seconds, cached }): Cell[] => [name, stage, seconds, cached]),
    ),
  };
}

/** One row for each fact of a stage's summary: `value` as text, `number` where it is one. */
export function factsTable(runs: readonly RunEntry[]): RecordTable {
  return {
    name: 'facts',
    columns: { run: 'VARCHAR', stage: 'VARCHAR', fact: 'VARCHAR', value: 'VARCHAR', number: 'DOUBLE' },
    rows: runs.flatMap(({ name, done }) =>
      done.flatMap(({ stage, facts }) =>
        Object.entries(facts).map(([fact, value]): Cell[] => [name, stage, fact, String(value), numberOf(value)]),
      ),
    ),
  };
}

/** One row for each value of each run's config: `value` as text (a list as JSON), `number` where it is one. */
export function configTable(runs: readonly RunEntry[]): RecordTable {
  return {
    name: 'config',
    columns: { run: 'VARCHAR', path: 'VARCHAR', value: 'VARCHAR', number: 'DOUBLE' },
    rows: runs.flatMap(({ name, config }) =>
      configLeaves(config).map(([path, value]): Cell[] => [name, path, textOf(value), numberOf(value)]),
    ),
  };
}

/** One row for each arm and seed of each ablation. */
export function ablationCellsTable(ablations: readonly AblationCells[]): RecordTable {
  return {
    name: 'ablation_cells',
    columns: {
      ablation: 'VARCHAR',
      ablation_id: 'VARCHAR',
      arm: 'VARCHAR',
      seed: 'BIGINT',
      state: 'VARCHAR',
      run: 'VARCHAR',
      value: 'DOUBLE',
      rung: 'BIGINT',
      seconds: 'DOUBLE',
      error: 'VARCHAR',
    },
    rows: ablations.flatMap(({ cells }) =>
      cells.map((cell): Cell[] => [
        cell.ablation,
        cell.ablationId,
        cell.arm,
        cell.seed,
        cell.state,
        cell.run ?? null,
        cell.value ?? null,
        cell.rung ?? null,
        cell.seconds ?? null,
        cell.error ?? null,
      ]),
    ),
  };
}

const numberOf = (value: Json): number | null => (typeof value === 'number' ? value : null);

const textOf = (value: Json): string => (typeof value === 'string' ? value : canonicalJson(value));

/** A run's `metrics.jsonl`. */
export interface MetricsFile {
  readonly run: string;
  readonly path: string;
}

/**
 * The view `metrics` over files: one row for each metric of each step, as `readMetrics` reads them. For a step that was done
 * more than once the last attempt counts; rows of one attempt for one step are joined, the later value first; what JSON
 * writes as null is NaN. Lines are numbered in the order of the file, since times are not unique.
 */
export function metricsView(files: readonly MetricsFile[]): string {
  if (files.length === 0) {
    return `CREATE VIEW metrics AS SELECT ''::VARCHAR AS run, ''::VARCHAR AS stage, 0::DOUBLE AS step, 0::DOUBLE AS attempt,
      TIMESTAMP '1970-01-01' AS time, ''::VARCHAR AS name, 0::DOUBLE AS value WHERE false`;
  }
  const paths = files.map(({ path }) => literal(exactly(path))).join(', ');
  const names = files.map(({ run, path }) => `(${literal(path)}, ${literal(run)})`).join(', ');
  return `CREATE VIEW metrics AS
    WITH files(file, run) AS (VALUES ${names}),
    lines AS (
      SELECT row_number() OVER () AS place, file, attempt, stage, step, time, "values"
      FROM read_json([${paths}], format = 'newline_delimited', ignore_errors = true, filename = 'file', columns = {
        attempt: 'DOUBLE', stage: 'VARCHAR', step: 'DOUBLE', time: 'DOUBLE', "values": 'MAP(VARCHAR, DOUBLE)'})
    ),
    whole AS (
      SELECT * FROM lines
      WHERE attempt IS NOT NULL AND stage IS NOT NULL AND step IS NOT NULL AND time IS NOT NULL AND "values" IS NOT NULL
    ),
    steps AS (
      SELECT file, stage, step, max(attempt) AS attempt FROM whole GROUP BY file, stage, step
    ),
    entries AS (
      SELECT whole.*, unnest(map_entries("values")) AS entry
      FROM whole JOIN steps USING (file, stage, step, attempt)
    )
    SELECT run, stage, step, attempt, max(epoch_ms(time::BIGINT)) AS time, entry.key AS name,
      arg_max(coalesce(entry.value, 'NaN'::DOUBLE), place) AS value
    FROM entries JOIN files USING (file)
    GROUP BY run, stage, step, attempt, entry.key`;
}

/** What each view has, for help and errors. */
export const viewColumns: Readonly<Record<string, string>> = {
  runs: 'run, experiment, id, state, seed, created, seconds, peak_memory_bytes, file, code, numeric_class, error',
  metrics: 'run, stage, step, attempt, time, name, value',
  stages: 'run, stage, seconds, cached',
  facts: 'run, stage, fact, value, number',
  config: 'run, path, value, number',
  ablation_cells: 'ablation, ablation_id, arm, seed, state, run, value, rung, seconds, error',
};
