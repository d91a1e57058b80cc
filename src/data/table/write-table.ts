import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { writeAtomic } from '../../files.js';
import { missingWords } from './column-kind.js';
import { columnValues, isMissing } from './table.js';

/** The columns of a table to write. */
interface Column {
  readonly name: string;
  readonly values: readonly unknown[];
  readonly kind: 'number' | 'string' | 'boolean' | 'date';
}

/**
 * Writes a table to a file that `readTable` reads: `.csv`, `.tsv`, `.jsonl` (each also with `.gz`), `.parquet` or `.arrow`. A file that is
 * there is replaced once the new one is whole.
 *
 * Parquet and Arrow keep what the values are. CSV keeps how they look: strings such as `007` are read as numbers again unless `readTable` is
 * told their kind, and a string that would be read as missing (`NA`, or an empty one) is an error.
 *
 * @throws TrainbookError when awaited: for another ending, a table without rows, a column with values of two kinds or of a kind that is no
 *   number, string, boolean or date, and a value that the format cannot hold.
 * @example
 * await writeTable(clean, 'clean.parquet');
 */
export async function writeTable(table: ColumnTable, path: string): Promise<void> {
  const zipped = /\.gz$/iu.test(path);
  const ending = extname(zipped ? path.slice(0, -3) : path).toLowerCase();
  const writer = writers.get(ending);
  if (writer === undefined || (zipped && (ending === '.parquet' || ending === '.arrow'))) {
    throw new TrainbookError({
      what: 'writeTable: no format of this ending',
      received: path,
      expected: '.csv, .tsv or .jsonl, each also with .gz, .parquet, or .arrow',
    });
  }
  if (table.numRows() === 0 || table.numCols() === 0) {
    throw new TrainbookError({
      what: 'writeTable: the table is empty',
      received: `${table.numRows()} rows, ${table.numCols()} columns`,
      expected: 'at least one row',
    });
  }
  const written = await writer(table.columnNames().map((name) => columnOf(table, name)));
  await writeAtomic(path, zipped ? gzipSync(written) : written).catch((cause: unknown) => {
    throw new TrainbookError({
      what: 'writeTable: cannot write the file',
      received: path,
      expected: 'a path that can be written, on a disk with room',
      fix: String(cause),
      cause,
    });
  });
}

type Writer = (columns: readonly Column[]) => Promise<string | Uint8Array> | string;

const writers = new Map<string, Writer>([
  ['.csv', (columns) => separated(columns, ',')],
  ['.tsv', (columns) => separated(columns, '\t')],
  ['.jsonl', jsonLines],
  ['.parquet', parquet],
  ['.arrow', arrow],
]);

function columnOf(table: ColumnTable, name: string): Column {
  const values = columnValues('writeTable', table, name);
  const kinds = new Set(values.filter((value) => !isMissing(value)).map(kindOf));
  const [kind = 'string', other] = kinds;
  if (other === undefined && (kind === 'number' || kind === 'string' || kind === 'boolean' || kind === 'date')) {
    return { name, values, kind };
  }
  throw new TrainbookError({
    what: `writeTable: column ${name} cannot be written`,
    received: other === undefined ? `values that are ${kind}s` : `values of the kinds ${[...kinds].join(', ')}`,
    expected: 'numbers, strings, booleans or dates, one kind a column',
    fix: 'derive a column of one kind, or leave it out with table.select(…)',
  });
}

const kindOf = (value: unknown): string => (value instanceof Date ? 'date' : typeof value);

function separated(columns: readonly Column[], delimiter: string): string {
  const special = new RegExp(`["\\r\\n${delimiter}]`, 'u');
  const quoted = (text: string): string => (special.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const fields = columns.map(({ name, values }) => [
    quoted(name),
    ...values.map((value, row) => {
      if (isMissing(value)) return '';
      if (typeof value === 'string' && missingWords.includes(value)) throw likeMissing(name, value, row);
      return quoted(textOf(value));
    }),
  ]);
  const numLines = fields[0]?.length ?? 0;
  const lines = Array.from({ length: numLines }, (_, line) => fields.map((own) => own[line]).join(delimiter));
  return `${lines.join('\n')}\n`;
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return Object.is(value, -0) ? '-0' : String(value);
}

function likeMissing(name: string, value: string, row: number): TrainbookError {
  return new TrainbookError({
    what: `writeTable: column ${name} has a string that CSV cannot tell from a missing value`,
    received: `${JSON.stringify(value)} in row ${row}`,
    expected: 'another string',
    fix: 'write .parquet or .jsonl, or null in its place',
  });
}

function jsonLines(columns: readonly Column[]): string {
  const numRows = columns[0]?.values.length ?? 0;
  const lines = Array.from({ length: numRows }, (_, row) => {
    const cells = columns.map(({ name, values }) => {
      const value = values[row];
      if (value === Infinity || value === -Infinity) {
        throw new TrainbookError({
          what: `writeTable: column ${name} has a number that JSON cannot hold`,
          received: `${value} in row ${row}`,
          expected: 'finite numbers',
          fix: 'write .csv or .parquet',
        });
      }
      return [name, isMissing(value) ? null : value];
    });
    return JSON.stringify(Object.fromEntries(cells));
  });
  return `${lines.join('\n')}\n`;
}

async function parquet(columns: readonly Column[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const types = { number: 'DOUBLE', string: 'STRING', boolean: 'BOOLEAN', date: 'TIMESTAMP' } as const;
  const columnData = columns.map(({ name, values, kind }) => ({
    name,
    type: types[kind],
    nullable: true,
    data: values.map((value) => (isMissing(value) ? null : value)),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

async function arrow(columns: readonly Column[]): Promise<Uint8Array> {
  const { bool, float64, tableFromArrays, tableToIPC, timestamp, TimeUnit, utf8 } = await import('@uwdata/flechette');
  const types = { number: float64(), string: utf8(), boolean: bool(), date: timestamp(TimeUnit.MILLISECOND) };
  const data = columns.map(({ name, values }) => [name, values.map((value) => (isMissing(value) ? null : value))]);
  const table = tableFromArrays(Object.fromEntries(data) as Record<string, unknown[]>, {
    types: Object.fromEntries(columns.map(({ name, kind }) => [name, types[kind]])),
  });
  const bytes = tableToIPC(table, { format: 'file' });
  if (bytes === null) throw new Error('writeTable: Arrow gave no bytes');
  return bytes;
}
