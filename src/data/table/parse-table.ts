import { isUtf8 } from 'node:buffer';
import { TrainbookError } from '../../error.js';
import { kindOf, missingWords, parseColumn } from './column-kind.js';
import { csvRecords } from './csv.js';
import type { CsvRecord } from './csv.js';
import { checkNames, checkWanted } from './read-columns.js';
import type { ColumnKinds } from './table.js';

export interface ParseTableOptions<Columns extends ColumnKinds = ColumnKinds> {
  /** The columns to read and what their values are. By default all, each as its fields look. */
  readonly columns?: Columns;
  /** The names of the columns of a file that has no line of them. */
  readonly names?: readonly string[];
  /** Fields that stand for a missing value, beside or instead of pandas's list. Default: `''`, `NA`, `NaN`, `null`, … */
  readonly missing?: readonly string[];
  /** One character. Default: a comma, in `.tsv` files a tab. */
  readonly delimiter?: string;
}

/** Columns by name, in the order of the file. */
export type ParsedColumns = ReadonlyMap<string, readonly (number | string | boolean | null)[]>;

/**
 * The columns that the bytes of a CSV file hold.
 *
 * @param path stands in errors.
 * @throws TrainbookError as `readTable` does.
 */
export function parseTable(bytes: Uint8Array, path: string, options: ParseTableOptions = {}): ParsedColumns {
  const { missing = missingWords, delimiter = /\.tsv(\.gz)?$/iu.test(path) ? '\t' : ',' } = options;
  if (delimiter.length !== 1 || /["\r\n]/u.test(delimiter)) {
    throw new TrainbookError({
      what: 'readTable: no such delimiter',
      received: JSON.stringify(delimiter),
      expected: "one character, such as ',' or ';'",
    });
  }
  const [header, ...records] = recordsOf(decodeStrictly(bytes, path), delimiter, path, options.names);
  const names = namesOf(header.fields, `${path}:${header.line}`);
  const numColumns = names.length;
  const fields: (string | null)[][] = names.map(() => []);
  const words = new Set(missing);
  for (const record of records) {
    if (record.fields.length !== numColumns) throw ragged(record, numColumns, path, delimiter);
    record.fields.forEach((field, column) => fields[column]?.push(words.has(field) ? null : field));
  }
  const wanted: Partial<ColumnKinds> = options.columns ?? Object.fromEntries(names.map((name) => [name, undefined]));
  checkWanted(options.columns, names, `${path}:${header.line}`);
  const place = (row: number): string => `${path}:${records[row]?.line ?? header.line}`;
  return new Map(
    names.flatMap((name, column) => {
      if (!Object.hasOwn(wanted, name)) return [];
      const own = fields[column] ?? [];
      return [[name, parseColumn(wanted[name] ?? kindOf(own), name, own, place)]];
    }),
  );
}

/** The header, made of `names` if they are given, and the rows. */
function recordsOf(
  text: string,
  delimiter: string,
  path: string,
  names: readonly string[] | undefined,
): [CsvRecord, ...CsvRecord[]] {
  const all = [...csvRecords(text, delimiter, path)];
  const width = names?.length ?? all.find((record) => !isBlank(record))?.fields.length ?? 0;
  // An empty line in a table of one column is a missing value, but not before its name.
  const begin = names === undefined ? all.findIndex((record) => !isBlank(record)) : 0;
  const records = all.slice(Math.max(begin, 0)).filter((record) => width === 1 || !isBlank(record));
  const [header, ...rows] = names === undefined ? records : [{ fields: names, line: 1 }, ...records];
  if (header === undefined || rows.length === 0) {
    throw new TrainbookError({
      what: `readTable: ${path} has no rows`,
      received: header === undefined ? 'no line with text' : `a header of ${header.fields.length} columns`,
      expected: 'a line of column names and at least one row',
    });
  }
  return [header, ...rows];
}

const isBlank = ({ fields }: CsvRecord): boolean => fields.length === 1 && fields[0] === '';

function ragged({ fields, line }: CsvRecord, numColumns: number, path: string, delimiter: string): TrainbookError {
  return new TrainbookError({
    what: `${path}:${line}: a row has ${fields.length} fields, the table ${numColumns} columns`,
    received: fields.join(delimiter).slice(0, 80),
    expected: `${numColumns} fields between ${JSON.stringify(delimiter)}`,
    fix: 'quote fields that contain the delimiter, or give the right { delimiter }',
  });
}

/** Column names as they are in the file; an unnamed column is called by its place, `column 1`. */
function namesOf(header: readonly string[], place: string): readonly string[] {
  const names = header.map((name, index) => (name === '' ? `column ${index + 1}` : name));
  checkNames(names, place);
  return names;
}

/** The text of bytes that must be UTF-8; a byte-order mark is taken off. */
export function decodeStrictly(bytes: Uint8Array, path: string): string {
  if (bytes.length === 0) {
    throw new TrainbookError({ what: `readTable: ${path} is empty`, received: '0 bytes', expected: 'a table' });
  }
  const lineOf = (end: number): number => bytes.subarray(0, end).reduce((sum, byte) => sum + Number(byte === 10), 1);
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    throw new TrainbookError({
      what: `${path}:${lineOf(zero)}: this is no text`,
      received: `a byte of 0 at place ${zero}`,
      expected: 'a table as text in UTF-8',
      fix: 'save it as CSV in UTF-8; UTF-16 and spreadsheets are not read',
    });
  }
  if (!isUtf8(bytes)) throw notUtf8(bytes, path);
  return new TextDecoder('utf-8').decode(bytes);
}

/** Says which line is the first that is not UTF-8; no character of it has a line feed inside. */
function notUtf8(bytes: Uint8Array, path: string): TrainbookError {
  let line = 1;
  let start = 0;
  let end = bytes.indexOf(10);
  while (end >= 0 && isUtf8(bytes.subarray(start, end))) {
    line++;
    start = end + 1;
    end = bytes.indexOf(10, start);
  }
  const shown = bytes.subarray(start, end < 0 ? bytes.length : end);
  return new TrainbookError({
    what: `${path}:${line}: this is not UTF-8`,
    received: new TextDecoder('utf-8').decode(shown).slice(0, 80),
    expected: 'text in UTF-8',
    fix: 'save it in UTF-8, such as by iconv -f latin1 -t utf8',
  });
}
