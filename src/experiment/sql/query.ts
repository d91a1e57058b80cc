import { rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { TrainbookError } from '../../error.js';
import { listCells } from '../run-index/ablation-cells.js';
import { listRuns } from '../run-index/run-entry.js';
import {
  ablationCellsTable,
  configTable,
  factsTable,
  literal,
  metricsView,
  runsTable,
  stagesTable,
  viewColumns,
} from './views.js';
import type { MetricsFile, RecordTable } from './views.js';

/** A value of a result: integers beyond 2⁵³ stay `bigint`. */
export type SqlValue =
  string | number | bigint | boolean | null | Date | readonly SqlValue[] | { readonly [key: string]: SqlValue };

export interface SqlResult {
  readonly columns: readonly string[];
  /** Some thousand rows at a time. */
  readonly rows: AsyncIterable<readonly (readonly SqlValue[])[]>;
}

/** The records of all runs as a database in memory; it is only read. */
export interface RunDatabase {
  /** @throws TrainbookError with DuckDB's words and the place, for what is no single SELECT */
  query(sql: string): Promise<SqlResult>;
  /** Writes a result to a Parquet file, whole or not at all; gives the number of rows. */
  writeParquet(sql: string, path: string): Promise<number>;
  close(): void;
}

/**
 * Opens the records below a folder of runs for SQL: `runs`, `metrics`, `stages`, `facts`, `config`, `ablation_cells`.
 *
 * @example
 * const database = await openRunDatabase('runs');
 * const { rows } = await database.query("SELECT run, min(value) FROM metrics WHERE name = 'loss' GROUP BY run");
 */
export async function openRunDatabase(runsFolder: string): Promise<RunDatabase> {
  const [{ DuckDBInstance, StatementType, DuckDBTimestampValue }, { runs }, ablations] = await Promise.all([
    import('@duckdb/node-api'), // a native library: only who asks for SQL loads it
    listRuns(runsFolder),
    listCells(runsFolder),
  ]);
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();

  const fill = async ({ name, columns, rows }: RecordTable): Promise<void> => {
    const types = Object.values(columns);
    await connection.run(
      `CREATE TABLE ${name} (${Object.entries(columns)
        .map(([column, type]) => `${column} ${type}`)
        .join(', ')})`,
    );
    const appender = await connection.createAppender(name);
    for (const row of rows) {
      for (const [column, value] of row.entries()) {
        if (value === null || (typeof value === 'number' && Number.isNaN(value) && types[column] !== 'DOUBLE'))
          appender.appendNull();
        else if (typeof value === 'boolean') appender.appendBoolean(value);
        else if (typeof value === 'string') appender.appendVarchar(value);
        else if (types[column] === 'TIMESTAMP')
          appender.appendTimestamp(new DuckDBTimestampValue(BigInt(value) * 1000n));
        else if (types[column] === 'BIGINT') appender.appendBigInt(BigInt(Math.trunc(value)));
        else appender.appendDouble(value);
      }
      appender.endRow();
    }
    appender.closeSync();
  };

  const check = async (sql: string): Promise<void> => {
    if (sql.trim() === '') throw onlySelect('nothing');
    const statements = await connection.extractStatements(sql).catch(refuse);
    if (statements.count !== 1) throw onlySelect(`${statements.count} statements`);
    // To prepare some statements is to begin them: EXPORT DATABASE makes its folder.
    const [, word = ''] = /^(?:\s|--.*|\/\*[^]*?\*\/|\()*([a-z]+)/iu.exec(sql) ?? [];
    if (!reading.has(word.toUpperCase())) throw onlySelect(word === '' ? sql : word.toUpperCase());
    const statement = await statements.prepare(0).catch(refuse);
    if (statement.statementType !== StatementType.SELECT) {
      throw onlySelect(StatementType[statement.statementType]);
    }
  };

  for (const table of [runsTable(runs), stagesTable(runs), factsTable(runs), configTable(runs)]) await fill(table);
  await fill(ablationCellsTable(ablations));
  const files = await Promise.all(runs.map(({ name, folder }) => metricsFile(name, folder)));
  await connection.run(metricsView(files.flat()));

  return {
    async query(sql) {
      await check(sql);
      const result = await connection.stream(sql).catch(refuse);
      return { columns: result.deduplicatedColumnNames(), rows: guarded(result.yieldRowsJs()) };
    },
    async writeParquet(sql, path) {
      await check(sql);
      return writeWhole(path, (beside) => copyTo(connection, sql, beside));
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function metricsFile(run: string, folder: string): Promise<MetricsFile[]> {
  const path = resolve(join(folder, 'metrics.jsonl'));
  return (await stat(path).catch(() => undefined)) === undefined ? [] : [{ run, path }];
}

async function copyTo(connection: DuckDBConnection, sql: string, path: string): Promise<number> {
  const query = sql.trim().replace(/[;\s]+$/u, '');
  const copy = `COPY (${query}\n) TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`;
  const reader = await connection.runAndReadAll(copy).catch(refuse);
  return Number(reader.value(0, 0));
}

/** Writes beside and renames; gives what `write` gave. */
async function writeWhole(path: string, write: (beside: string) => Promise<number>): Promise<number> {
  const beside = `${resolve(path)}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const count = await write(beside);
    await rename(beside, path);
    return count;
  } finally {
    await rm(beside, { force: true });
  }
}

/** Errors while rows are read, such as a cast that fails, are the user's too. */
async function* guarded(
  rows: AsyncIterable<readonly (readonly unknown[])[]>,
): AsyncGenerator<readonly (readonly SqlValue[])[]> {
  try {
    for await (const some of rows) yield some as readonly (readonly SqlValue[])[];
  } catch (error) {
    refuse(error);
  }
}

const views = Object.entries(viewColumns)
  .map(([name, columns]) => `${name}(${columns})`)
  .join('\n            ');

/** The words that a statement which only reads may begin with. */
const reading: ReadonlySet<string> = new Set([
  'SELECT',
  'WITH',
  'FROM',
  'VALUES',
  'TABLE',
  'DESCRIBE',
  'SHOW',
  'SUMMARIZE',
]);

/** DuckDB's own words, which name the line and point to the place. */
function refuse(cause: unknown): never {
  const text = (cause instanceof Error ? cause.message : String(cause)).replace('Failed to extract statements: ', '');
  throw new TrainbookError({
    what: `sql: ${text.trimEnd()}`,
    expected: `SQL of DuckDB over\n            ${views}`,
    cause,
  });
}

function onlySelect(received: string): TrainbookError {
  return new TrainbookError({
    what: 'sql: one SELECT is taken: the records are only read',
    received,
    expected: 'one SELECT (or WITH, FROM, VALUES, DESCRIBE, SUMMARIZE)',
    fix: '--parquet file and --csv write a result elsewhere',
  });
}
