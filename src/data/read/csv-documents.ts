// title,text,stars
// A walk,"We went up, and down.",4
import { csvRecords } from '../table/csv.js';
import type { CsvRecord } from '../table/csv.js';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';
import { rowDocument } from './row.js';
import { textBlocks } from './text-blocks.js';
import { textBytes } from './text-bytes.js';
import { compressionOf } from './unpack.js';

/**
 * Reads CSV and TSV strictly by RFC 4180, a document a row; all fields stay text. Blank lines are passed over. A quotation mark that is never
 * closed is an error in any case: nobody can say where the next row begins.
 */
export const readCsvDocuments: FormatReader = async function* (file) {
  const { largestRow = defaultLargestRow, encoding } = file.options;
  const rows = new CsvRows(file, largestRow);
  for await (const { text } of textBlocks(textBytes(file.bytes, file.path, encoding))) yield rows.add(text, false);
  yield rows.add('', true);
};

/** Holds the beginning of a row whose end is not read yet, and the names of the columns. */
class CsvRows {
  private rest = '';
  private line = 1;
  private names: readonly string[] | undefined;
  private readonly delimiter: string;

  constructor(
    private readonly file: OpenFile,
    private readonly largest: number,
  ) {
    const { delimiter, columnNames } = file.options;
    this.delimiter = delimiter ?? (/\.tsv$/iu.test(compressionOf(file.path).name) ? '\t' : ',');
    if (columnNames !== undefined) this.names = checkedNames(columnNames, file.path);
  }

  add(text: string, isLast: boolean): readonly ReadDocument[] {
    const { path } = this.file;
    const whole = this.rest + text;
    const records = csvRecords(whole, this.delimiter, path, this.line, isLast);
    const read: ReadDocument[] = [];
    let next = records.next();
    for (; next.done !== true; next = records.next()) {
      const { fields, line } = next.value;
      if (fields.length === 1 && fields[0] === '') continue;
      if (this.names === undefined) this.names = checkedNames(fields, `${path}:${line}`);
      else read.push(this.document(next.value, this.names));
    }
    this.rest = whole.slice(next.value.at);
    this.line = next.value.line;
    if (this.rest.length > this.largest) throw this.tooLong();
    if (isLast && this.names === undefined) {
      throw new TrainbookError({
        what: `load: ${path} has no rows`,
        received: 'no line with text',
        expected: 'a line of column names, and rows',
      });
    }
    return read;
  }

  private document({ fields, line }: CsvRecord, names: readonly string[]): ReadDocument {
    const raw = (): string => fields.join(this.delimiter);
    if (fields.length !== names.length) {
      return rejected(this.file, {
        row: line,
        drop: 'wrong number of fields',
        what: `has ${fields.length} fields, the table ${names.length} columns`,
        received: raw(),
        expected: `${names.length} fields between ${JSON.stringify(this.delimiter)}`,
        fix: 'quote fields that contain the delimiter, or give the right { delimiter }',
      });
    }
    const row: Record<string, Json> = {};
    names.forEach((name, column) => (row[name] = fields[column] ?? ''));
    return rowDocument(this.file, row, line, raw);
  }

  private tooLong(): TrainbookError {
    return new TrainbookError({
      what: `load: ${this.file.path}:${this.line} begins a row of more than ${this.largest.toLocaleString('en-US')} characters`,
      received: this.rest.slice(0, 80),
      expected: 'rows that end',
      fix: 'see whether a quotation mark is never closed, or allow more by { largestRow }',
    });
  }
}

/** @throws TrainbookError if two columns have one name. */
function checkedNames(names: readonly string[], place: string): readonly string[] {
  const named = names.map((name, index) => (name === '' ? `column ${index + 1}` : name));
  const twice = named.find((name, index) => named.indexOf(name) < index);
  if (twice === undefined && !named.includes('__proto__')) return named;
  throw new TrainbookError({
    what: `load: ${place}: ${twice === undefined ? 'a column cannot have this name' : 'two columns have one name'}`,
    received: twice ?? '__proto__',
    expected: 'a name of its own for each column',
    fix: 'rename one; for a file without a line of names give { columnNames: […] }',
  });
}
