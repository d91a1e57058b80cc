import type { Selecting, SqlResult, SqlValue } from '../data/ledger/select.js';
import { terminalWidth, textTable } from './text-table.js';
import { UsageError } from './usage.js';

/** Rows that a table shows. */
const mostRows = 1000;

/** How the result of a query may be wanted. */
export const sqlOutput = {
  parquet: { type: 'string', valueHint: 'file', description: 'Write the result to a Parquet file' },
  csv: { type: 'boolean', description: 'Print the result as CSV, all rows' },
  json: { type: 'boolean', description: 'Print the rows as one JSON value' },
} as const;

interface Output {
  readonly parquet?: string | undefined;
  readonly csv?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** @throws UsageError for two forms at once */
export function checkOutput({ csv, json, parquet }: Output): void {
  if (csv === true && json === true) throw new UsageError('--csv or --json: one of them');
  if (parquet !== undefined && csv === true) throw new UsageError('--csv or --parquet: one of them');
}

/** Asks a database and prints what comes, in the form that is wanted. */
export async function writeSelected(open: () => Promise<Selecting>, query: string, output: Output): Promise<number> {
  const { csv, json, parquet } = output;
  const database = await open();
  try {
    if (parquet !== undefined) {
      const rows = await database.writeParquet(query, parquet);
      process.stdout.write(json === true ? `${JSON.stringify({ parquet, rows })}\n` : `${rows} rows in ${parquet}\n`);
      return 0;
    }
    const result = await database.query(query);
    if (csv === true) await writeCsv(result);
    else if (json === true) await writeJson(result);
    else await writeTable(result);
    return 0;
  } finally {
    database.close();
  }
}

async function writeTable({ columns, rows }: SqlResult): Promise<void> {
  const shown: string[][] = [];
  let count = 0;
  for await (const some of rows) {
    for (const row of some.slice(0, mostRows - shown.length)) shown.push(row.map((value) => textOf(value, 'NULL')));
    count += some.length;
  }
  const more = count > shown.length ? `, the first ${shown.length} shown: --csv prints all` : '';
  const lines = [...textTable({ columns, rows: shown }, terminalWidth()), `(${count} rows${more})`];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function writeJson({ columns, rows }: SqlResult): Promise<void> {
  let before = '[';
  for await (const some of rows) {
    for (const row of some) {
      const object = Object.fromEntries(columns.map((column, index) => [column, plain(row[index] ?? null)]));
      process.stdout.write(`${before}${JSON.stringify(object)}`);
      before = ',';
    }
  }
  process.stdout.write(before === '[' ? '[]\n' : ']\n');
}

/** RFC 4180, with newlines of Unix; NULL is an empty field. */
async function writeCsv({ columns, rows }: SqlResult): Promise<void> {
  const line = (fields: readonly string[]): string => `${fields.map(csvField).join(',')}\n`;
  process.stdout.write(line(columns));
  for await (const some of rows) {
    process.stdout.write(some.map((row) => line(row.map((value) => textOf(value, '')))).join(''));
  }
}

const csvField = (text: string): string => (/[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function textOf(value: SqlValue, ofNull: string): string {
  if (value === null) return ofNull;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(plain(value)) : String(value);
}

/** JSON has no bigint and no NaN: an integer that is exact as a number is one, others are texts; NaN is null. */
function plain(value: SqlValue): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return (value as readonly SqlValue[]).map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
