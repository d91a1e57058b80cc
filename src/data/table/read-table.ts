import { readFile, stat } from 'node:fs/promises';
import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { datasetNamesOf, findDataset, holdsTable, readDatasetFile } from '../dataset.js';
import { gunzip } from '../read/gunzip.js';
import { parseArrow, parseParquet } from './parse-binary-table.js';
import { parseJsonRows } from './parse-json-rows.js';
import { parseTable } from './parse-table.js';
import type { ParseTableOptions } from './parse-table.js';
import { settleColumns } from './read-columns.js';
import type { FoundColumns } from './read-columns.js';
import type { ColumnKinds, TypedTable } from './table.js';

export type ReadTableOptions<Columns extends ColumnKinds = ColumnKinds> = ParseTableOptions<Columns>;

/**
 * Reads a table from a data set by name (`credit_data`) or a file: `.csv` and `.tsv` in UTF-8, with the names of the columns in the first
 * line; `.jsonl`, an object a row; `.parquet`; `.arrow` or `.feather`. Each may be gzipped (`.gz`). Gives an Arquero table, with null where
 * a value is missing.
 *
 * Of CSV a column has numbers if all its fields that are not missing are numbers, else booleans (`true`, `False`, …) if all are, else
 * strings. With `columns` only those are read, a field of another kind is an error with its line, and the compiler knows the names.
 *
 * Arquero's own reader is not used: rows too short or long, two columns of one name, a quotation mark that is never closed and
 * a value of another kind after the thousandth row pass it without a word.
 *
 * The other formats know the kinds of their values: times are `Date`s, integers of 64 bits numbers, or strings where one would be rounded.
 *
 * @throws TrainbookError when awaited, with the line where there is one: for a name or file that is not there, an empty file, binary,
 *   bytes that are not UTF-8, rows that have not as many fields as there are columns, two columns of one name, quotation marks
 *   that do not close, columns with values of two kinds, and a damaged or cut off gzip, Parquet or Arrow file.
 * @example
 * const credit = await readTable('credit_data');
 * const mine = await readTable('my.csv', { columns: { age: 'number', job: 'string' } });
 */
export async function readTable<const Columns extends ColumnKinds>(
  source: string,
  options: ReadTableOptions<Columns> & { readonly columns: Columns },
): Promise<TypedTable<Columns>>;
export async function readTable(source: string, options?: Omit<ReadTableOptions, 'columns'>): Promise<ColumnTable>;
export async function readTable(source: string, options: ReadTableOptions = {}): Promise<ColumnTable> {
  const { bytes, path } = await readSource(source);
  // Compressed by the beginning that all gzip files have, or by name.
  const zipped = (bytes[0] === 0x1f && bytes[1] === 0x8b) || /\.gz$/iu.test(path);
  const columns = await parse(zipped ? gunzip('readTable', bytes, path) : bytes, path, options);
  // Arquero takes a quarter of a second to load: only who has tables waits for it.
  const { table } = await import('arquero');
  return table(columns, [...columns.keys()]);
}

/** By the ending of the name; whatever has no ending of another format is CSV. */
async function parse(bytes: Uint8Array, path: string, options: ReadTableOptions): Promise<FoundColumns> {
  const ending = /\.(parquet|arrow|feather|arrows|jsonl|ndjson)(\.gz)?$/iu.exec(path)?.[1]?.toLowerCase();
  if (ending === undefined) return parseTable(bytes, path, options);
  for (const name of ['names', 'missing', 'delimiter'] as const) {
    if (options[name] === undefined) continue;
    throw new TrainbookError({
      what: `readTable: { ${name} } is for CSV`,
      received: path,
      expected: 'a .csv or .tsv file',
      fix: 'leave it out: this format has names and missing values of its own',
    });
  }
  if (ending === 'jsonl' || ending === 'ndjson') {
    const { columns, lines } = parseJsonRows(bytes, path);
    return settleColumns(columns, path, options.columns, (row) => `${path}:${lines[row] ?? row + 1}`);
  }
  const columns = await (ending === 'parquet' ? parseParquet(bytes, path) : parseArrow(bytes, path));
  return settleColumns(columns, path, options.columns, (row) => `${path}, row ${row}`);
}

async function readSource(source: string): Promise<{ readonly bytes: Buffer; readonly path: string }> {
  const dataset = await findDataset(source);
  if (dataset !== undefined) {
    const [file] = dataset.card.files;
    if (file !== undefined && holdsTable(dataset.card)) {
      return { bytes: await readDatasetFile(dataset, file), path: file.file };
    }
    throw new TrainbookError({
      what: 'readTable: this data set has documents, not a table',
      received: source,
      expected: 'a data set in CSV',
      fix: `load('${source}') reads documents`,
    });
  }
  const kind = await stat(source).catch(() => undefined);
  if (kind?.isFile() !== true) {
    throw new TrainbookError({
      what: 'readTable: no such data set or file',
      received: source,
      expected: `a path, or one of the data sets ${(await datasetNamesOf('table')).join(', ')}`,
      fix: `check the spelling; paths start at ${process.cwd()}`,
    });
  }
  return { bytes: await readFile(source), path: source };
}
