import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { openDatabase } from '../../data/ledger/select.js';
import type { Selecting } from '../../data/ledger/select.js';
import { listCells } from '../run-index/ablation-cells.js';
import { listRuns } from '../run-index/run-entry.js';
import {
  ablationCellsTable,
  configTable,
  factsTable,
  metricsView,
  runsTable,
  stagesTable,
  viewColumns,
} from './views.js';
import type { MetricsFile, RecordTable } from './views.js';

/** The records of all runs as a database in memory; it is only read. */
export type RunDatabase = Selecting;

/**
 * Opens the records below a folder of runs for SQL: `runs`, `metrics`, `stages`, `facts`, `config`, `ablation_cells`.
 *
 * @example
 * const database = await openRunDatabase('runs');
 * const { rows } = await database.query("SELECT run, min(value) FROM metrics WHERE name = 'loss' GROUP BY run");
 */
export async function openRunDatabase(runsFolder: string): Promise<RunDatabase> {
  const [{ DuckDBTimestampValue }, { runs }, ablations] = await Promise.all([
    import('@duckdb/node-api'), // a native library: only who asks for SQL loads it
    listRuns(runsFolder),
    listCells(runsFolder),
  ]);

  const fill = async (connection: DuckDBConnection, { name, columns, rows }: RecordTable): Promise<void> => {
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

  return openDatabase(async (connection) => {
    for (const table of [runsTable(runs), stagesTable(runs), factsTable(runs), configTable(runs)]) {
      await fill(connection, table);
    }
    await fill(connection, ablationCellsTable(ablations));
    const files = await Promise.all(runs.map(({ name, folder }) => metricsFile(name, folder)));
    await connection.run(metricsView(files.flat()));
    return viewColumns;
  });
}

async function metricsFile(run: string, folder: string): Promise<MetricsFile[]> {
  const path = resolve(join(folder, 'metrics.jsonl'));
  return (await stat(path).catch(() => undefined)) === undefined ? [] : [{ run, path }];
}
