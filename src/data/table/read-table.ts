import { readFile, stat } from 'node:fs/promises';
import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { datasetNamesOf, findDataset, holdsTable, readDatasetFile } from '../dataset.js';
import { gunzip } from '../read/gunzip.js';
import { parseTable } from './parse-table.js';
import type { ParseTableOptions } from './parse-table.js';
import type { ColumnKinds, TypedTable } from './table.js';

export type ReadTableOptions<Columns extends ColumnKinds = ColumnKinds> = ParseTableOptions<Columns>;

/**
 * Reads a table from a data set by name (`credit_data`) or a file: `.csv`, `.tsv`, each also with `.gz`, in UTF-8, with the names of
 * the columns in the first line. Gives an Arquero table, with null where a value is missing.
 *
 * A column has numbers if all its fields that are not missing are numbers, else booleans (`true`, `False`, …) if all are, else
 * strings. With `columns` only those are read, a field of another kind is an error with its line, and the compiler knows the names.
 *
 * Arquero's own reader is not used: rows too short or long, two columns of one name, a quotation mark that is never closed and
 * a value of another kind after the thousandth row pass it without a word.
 *
 * @throws TrainbookError when awaited, with the line where there is one: for a name or file that is not there, an empty file, binary,
 *   bytes that are not UTF-8, rows that have not as many fields as there are columns, two columns of one name, quotation marks
 *   that do not close, and a damaged gzip file.
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
  const columns = parseTable(zipped ? gunzip('readTable', bytes, path) : bytes, path, options);
  // Arquero takes a quarter of a second to load: only who has tables waits for it.
  const { table } = await import('arquero');
  return table(columns, [...columns.keys()]);
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
