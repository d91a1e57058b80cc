import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { csvRecords } from '../table/csv.js';
import { checkedBytes } from '../dataset.js';
import { readBytes } from '../read/bytes.js';
import type { Chunks } from '../read/bytes.js';
import { decodeUtf8, mendSurrogates } from '../read/decode.js';
import { requireFormat } from '../read/formats.js';
import type { Input } from '../read/inputs.js';
import { linesOf, tooLong } from '../read/lines.js';
import { defaultLargestRow } from '../read/options.js';
import type { ReadOptions } from '../read/options.js';
import { textBlocks } from '../read/text-blocks.js';
import { textBytes } from '../read/text-bytes.js';
import { compressionOf, unpack } from '../read/unpack.js';
import { shown } from './fault.js';
import type { Fault } from './fault.js';
import { jsonObjects } from './json-objects.js';
import { parquetRows } from './parquet-rows.js';

/** How files of rows are read; each as the ending of its name says where no `format` is named. */
export type RowFileOptions = Pick<ReadOptions, 'format' | 'encoding' | 'largestRow' | 'delimiter' | 'columnNames'>;

/** A row as its file has it, or why it has none there. */
export type FoundRow =
  { readonly row: number; readonly value: unknown } | { readonly row: number; readonly fault: Fault };

/**
 * The rows of a file, one after the other: JSON Lines, JSON, CSV and TSV (fields are texts), each also packed, and Parquet.
 *
 * @throws TrainbookError for a file that is not there, empty, binary, damaged or of a format without rows, and a changed data set.
 */
export async function* rowsOfFile(input: Input, options: RowFileOptions): AsyncGenerator<FoundRow, undefined> {
  const { path, dataset } = input;
  const settings: RowFileOptions = { ...input.reading, ...options };
  const format = settings.format ?? requireFormat(path);
  const disk = dataset === undefined ? path : join(dataset.folder, path);
  const { compression } = compressionOf(path);
  const packed = dataset === undefined ? readBytes(disk) : checkedBytes(dataset, path);
  if (format === 'parquet') {
    // Read by ranges: the hash of a data set's file is looked at before.
    if (dataset !== undefined) await drained(packed);
    yield* parquetRows(disk, path);
    return;
  }
  const bytes = textBytes(
    compression === undefined ? packed : unpack(packed, compression, path),
    path,
    settings.encoding,
  );
  const { largestRow = defaultLargestRow } = settings;
  if (format === 'jsonl') yield* rowsOfLines(bytes, largestRow);
  else if (format === 'json') yield* rowsOfJson(bytes, largestRow);
  else if (format === 'csv' || format === 'tsv') yield* rowsOfCsv(bytes, path, format, settings);
  else {
    throw new TrainbookError({
      what: `${path} has no rows`,
      received: format,
      expected: '.jsonl, .json, .csv, .tsv (each also with .gz, .bz2 or .zst) or .parquet',
      fix: 'give the files by name or by a glob, such as data/*.jsonl, or name their { format }',
    });
  }
}

async function drained(chunks: Chunks): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

async function* rowsOfLines(bytes: Chunks, largestRow: number): AsyncGenerator<FoundRow, undefined> {
  for await (const lines of linesOf(bytes, largestRow)) {
    for (const line of lines) {
      const { number: row } = line;
      if (line.length > largestRow) {
        const { expected, fix } = tooLong(line, largestRow);
        yield { row, fault: { kind: 'row too long', received: `${line.length} bytes`, expected, fix } };
        continue;
      }
      const { text, numInvalid } = decodeUtf8(line.bytes);
      const trimmed = text.trim();
      if (trimmed !== '') yield parsedRow(trimmed, row, numInvalid, 'one whole JSON object a line');
    }
  }
}

async function* rowsOfJson(bytes: Chunks, largestRow: number): AsyncGenerator<FoundRow, undefined> {
  for await (const { line: row, bytes: object, length, stray } of jsonObjects(bytes, largestRow)) {
    const { text, numInvalid } = decodeUtf8(object);
    if (stray) {
      const expected = 'an array of objects, or objects one after the other';
      yield { row, fault: { kind: 'not JSON', received: shown(text), expected } };
    } else if (length > largestRow) {
      const expected = `at most ${largestRow.toLocaleString('en-US')} bytes a row`;
      yield { row, fault: { kind: 'row too long', received: `${length} bytes`, expected } };
    } else yield parsedRow(text, row, numInvalid, 'a JSON object');
  }
}

function parsedRow(text: string, row: number, numInvalid: number, expected: string): FoundRow {
  if (numInvalid > 0) {
    const received = `${numInvalid} sequences of bytes that are not`;
    return { row, fault: { kind: 'not UTF-8', received, expected: 'text in UTF-8', fix: 'name its { encoding }' } };
  }
  try {
    // Halves of surrogate pairs that stand alone are written as escapes only.
    const value: unknown = /\\u[dD][89a-fA-F]/u.test(text) ? JSON.parse(text, mended) : JSON.parse(text);
    return { row, value };
  } catch (cause) {
    const fix = cause instanceof Error ? cause.message : String(cause);
    return { row, fault: { kind: 'not JSON', received: shown(text), expected, fix } };
  }
}

function mended(_: string, value: unknown): unknown {
  return typeof value === 'string' ? mendSurrogates(value).text : value;
}

// prompt,completion,label
// Name a colour.,Red.,true
async function* rowsOfCsv(
  bytes: Chunks,
  path: string,
  format: 'csv' | 'tsv',
  { delimiter = format === 'tsv' ? '\t' : ',', columnNames }: RowFileOptions,
): AsyncGenerator<FoundRow, undefined> {
  let names = columnNames;
  let [rest, line] = ['', 1];
  const rowsIn = function* (text: string, isLast: boolean): Generator<FoundRow> {
    const whole = rest + text;
    const records = csvRecords(whole, delimiter, path, line, isLast);
    let next = records.next();
    for (; next.done !== true; next = records.next()) {
      const { fields, line: row } = next.value;
      if (fields.length === 1 && fields[0] === '') continue;
      if (names === undefined) names = fields;
      else if (fields.length === names.length) {
        const columns = names;
        yield { row, value: Object.fromEntries(fields.map((field, at) => [columns[at] ?? '', field])) };
      } else {
        const expected = `${names.length} fields between ${JSON.stringify(delimiter)}`;
        yield { row, fault: { kind: 'wrong number of fields', received: `${fields.length} fields`, expected } };
      }
    }
    rest = whole.slice(next.value.at);
    line = next.value.line;
  };
  for await (const { text } of textBlocks(bytes)) yield* rowsIn(text, false);
  yield* rowsIn('', true);
}
