import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ledgerColumns } from './parquet.js';
import { exactly, literal, openDatabase } from './select.js';
import type { Selecting } from './select.js';

/** The tables `documents` and `events` of a ledger, as in parquet.ts. */
export type LedgerDatabase = Selecting;

/**
 * Opens the Parquet files of a ledger for SQL: `documents` and `events`.
 *
 * @param folders each with files `documents….parquet` and `events….parquet`
 */
export async function openLedgerDatabase(folders: readonly string[]): Promise<LedgerDatabase> {
  const files = (
    await Promise.all(
      folders.map(async (folder) => (await readdir(folder)).sort().map((name) => resolve(join(folder, name)))),
    )
  ).flat();
  return openDatabase(async (connection) => {
    for (const table of ['documents', 'events'] as const) {
      const own = files.filter((file) => new RegExp(`[/\\\\]${table}[^/\\\\]*\\.parquet$`, 'u').test(file));
      await connection.run(
        `CREATE VIEW ${table} AS SELECT * FROM read_parquet([${own.map((file) => literal(exactly(file))).join(', ')}])`,
      );
    }
    return ledgerColumns;
  });
}
