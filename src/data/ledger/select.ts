import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { TrainbookError } from '../../error.js';

/** A value of a result: integers beyond 2⁵³ stay `bigint`. */
export type SqlValue =
  string | number | bigint | boolean | null | Date | readonly SqlValue[] | { readonly [key: string]: SqlValue };

export interface SqlResult {
  readonly columns: readonly string[];
  /** Some thousand rows at a time. */
  readonly rows: AsyncIterable<readonly (readonly SqlValue[])[]>;
}

/** A database that is only read. */
export interface Selecting {
  /** @throws TrainbookError with DuckDB's words and the place, for what is no single SELECT */
  query(sql: string): Promise<SqlResult>;
  /** Writes a result to a Parquet file, whole or not at all; gives the number of rows. */
  writeParquet(sql: string, path: string): Promise<number>;
  /** As `writeParquet`, to a file of comma-separated values with a line of their names. */
  writeCsv(sql: string, path: string): Promise<number>;
  close(): void;
}

/** A database in memory that nothing is installed for; `fill` makes its tables and gives their columns, for messages. */
export async function openDatabase(
  fill: (connection: DuckDBConnection) => Promise<Readonly<Record<string, string>>>,
): Promise<Selecting> {
  const { DuckDBInstance, StatementType } = await import('@duckdb/node-api'); // a native library: only who asks for SQL loads it
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const close = (): void => {
    connection.closeSync();
    instance.closeSync();
  };
  let tables: Readonly<Record<string, string>>;
  try {
    tables = await fill(connection);
  } catch (error) {
    close();
    throw error;
  }
  const refuse = (cause: unknown): never => {
    throw refused(cause, tables);
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
  const write = async (sql: string, path: string, form: string): Promise<number> => {
    await check(sql);
    const query = sql.trim().replace(/[;\s]+$/u, '');
    return writeWhole(path, async (beside) => {
      const copy = `COPY (${query}\n) TO ${literal(beside)} (${form})`;
      const reader = await connection.runAndReadAll(copy).catch(refuse);
      return Number(reader.value(0, 0));
    });
  };
  return {
    async query(sql) {
      await check(sql);
      const result = await connection.stream(sql).catch(refuse);
      return { columns: result.deduplicatedColumnNames(), rows: guarded(result.yieldRowsJs()) };
    },
    writeParquet: (sql, path) => write(sql, path, 'FORMAT parquet, COMPRESSION snappy'),
    writeCsv: (sql, path) => write(sql, path, 'FORMAT csv, HEADER'),
    close,
  };
}

/** Text as a literal of SQL. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A path as DuckDB's readers of files take it, for whom brackets, stars and question marks would be patterns. */
export const exactly = (path: string): string => path.replace(/[[\]*?]/gu, '[$&]');

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
function refused(cause: unknown, tables: Readonly<Record<string, string>>): TrainbookError {
  const text = (cause instanceof Error ? cause.message : String(cause)).replace('Failed to extract statements: ', '');
  const named = Object.entries(tables).map(([name, columns]) => `${name}(${columns})`);
  return new TrainbookError({
    what: `sql: ${text.trimEnd()}`,
    expected: `SQL of DuckDB over\n            ${named.join('\n            ')}`,
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
