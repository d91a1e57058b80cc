import { TrainbookError } from '../../error.js';
import { hash } from '../../files.js';
import { listInputs, namesOf } from '../read/inputs.js';
import type { From, Input, Source } from '../read/inputs.js';
import type { Place } from '../read/read.js';
import { isRow } from '../read/row.js';
import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { Fault, FaultKind, Note, PlacedFault } from './fault.js';
import { recognise } from './recognise.js';
import { rowsOfFile } from './row-files.js';
import type { RowFileOptions } from './row-files.js';
import { RowReport, defaultListed } from './row-report.js';

/** What every row of post-training data has beside its content. */
export interface RowOrigin {
  /** The hash of the content: rows that say the same have one id, wherever they lie. */
  readonly id: string;
  readonly place: Place;
  /** The data set by name, or the file by path. */
  readonly source: string;
  /** BCP 47, where the row or its data set says so; absent where it is not known. */
  readonly language?: string;
}

/** The rows that are right, and the report of those that are not. */
export interface PostTrainingData<T> {
  readonly rows: readonly T[];
  readonly report: RowReport;
}

export interface RowOptions<Field extends string = never> extends RowFileOptions {
  /** What the fields are called, where that is not as usual; `language` is the one that holds a row's language. */
  readonly fields?: { readonly [F in Field | 'language']?: string };
  /** Where rows are wrong: an error with the first of them and the counts (the default), or rejects that the report lists. */
  readonly onBadRow?: 'error' | 'reject';
  /** Faults that the report lists; all are counted. Default: 100. */
  readonly listed?: number;
  /** Where a local copy of a public data set lies. */
  readonly from?: From;
}

/** Faults that an error shows. */
const shownInErrors = 5;

/**
 * Reads rows of one format. `parse` gives what a row holds, or notes what is wrong with it: a row with a fault gives nothing. Of rows to
 * which `nameOf` gives one name the last counts.
 *
 * @throws TrainbookError for files that cannot be read; unless rejects are asked for, also for rows that are wrong.
 */
export async function readRows<Content extends { readonly kind: string }>(
  reader: string,
  source: Source,
  options: RowOptions,
  parse: (row: Row, note: Note) => readonly Content[],
  nameOf: (row: Row) => string | undefined = () => undefined,
): Promise<PostTrainingData<Content & RowOrigin>> {
  const { onBadRow = 'error', listed: limit = defaultListed, fields, from, ...fileOptions } = options;
  const rows = new Set<Content & RowOrigin>();
  const named = new Map<string, readonly (Content & RowOrigin)[]>();
  const places = new Map<string, Place>(); // by id
  const counts = new Map<FaultKind, number>();
  const listed: PlacedFault[] = [];
  let [numRows, numRejected] = [0, 0];
  const reject = (place: Place, faults: readonly Fault[]): void => {
    numRejected++;
    for (const fault of faults) {
      counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
      if (listed.length < limit) listed.push({ ...fault, place });
    }
  };
  for (const input of await listInputs(source, from)) {
    for await (const found of orDamaged(input, fileOptions, onBadRow)) {
      numRows++;
      const place = { file: input.path, row: found.row };
      if ('fault' in found) {
        reject(place, [found.fault]);
        continue;
      }
      const { contents, faults } = contentsOf(reader, found.value, parse);
      const made = contents.map((content) => ({
        ...content,
        id: hash(JSON.stringify(content)),
        place,
        source: input.origin.source,
        ...languageOf(found.value, fields?.language ?? 'language', input),
      }));
      const name = isRow(found.value) && faults.length === 0 ? nameOf(found.value) : undefined;
      if (name !== undefined) {
        for (const earlier of named.get(name) ?? []) {
          rows.delete(earlier);
          places.delete(earlier.id);
        }
        named.set(name, made);
      }
      const twice = made.map(({ id }) => places.get(id)).find((earlier) => earlier !== undefined);
      if (faults.length > 0) reject(place, faults);
      else if (twice !== undefined) reject(place, [duplicateOf(twice)]);
      else {
        for (const row of made) {
          places.set(row.id, place);
          rows.add(row);
        }
      }
    }
  }
  const report = new RowReport(reader, numRows, numRejected, counts, listed);
  if (onBadRow === 'error' && numRejected > 0) throw badRows(report, source);
  return { rows: [...rows], report };
}

/** What a row holds, and all that is wrong with it. */
function contentsOf<Content>(
  reader: string,
  value: unknown,
  parse: (row: Row, note: Note) => readonly Content[],
): { readonly contents: readonly Content[]; readonly faults: readonly Fault[] } {
  if (!isRow(value)) {
    const expected = 'an object with a field for each part';
    return { contents: [], faults: [{ kind: 'not an object', received: shown(value), expected }] };
  }
  const faults: Fault[] = [];
  const contents = parse(value, (fault) => faults.push(fault));
  const looks = faults.some(({ kind }) => kind === 'missing field') ? recognise(value) : undefined;
  if (looks === undefined || looks.reader === reader) return { contents, faults };
  const { expected = '' } = faults.find(({ kind }) => kind === 'missing field') ?? {};
  const received = `fields ${Object.keys(value).slice(0, 8).join(', ')}`;
  const fix = `this looks like ${looks.format}: ${looks.reader}`;
  return { contents: [], faults: [{ kind: 'another format', received, expected, fix }] };
}

function languageOf(value: unknown, field: string, { origin }: Input): { readonly language?: string } {
  const own = isRow(value) && Object.hasOwn(value, field) ? value[field] : undefined;
  const language = typeof own === 'string' && own !== '' ? own : origin.language;
  return language === undefined ? {} : { language };
}

function duplicateOf(place: Place): Fault {
  const received = `the same as ${place.file}:${place.row}`;
  return { kind: 'duplicate row', received, expected: 'each row once' };
}

/** A file that breaks off is one reject more, where rejects are asked for; a changed data set is an error always. */
async function* orDamaged(input: Input, options: RowFileOptions, onBadRow: 'error' | 'reject') {
  let row = 0;
  try {
    for await (const found of rowsOfFile(input, options)) {
      row = found.row;
      yield found;
    }
  } catch (cause) {
    if (!(cause instanceof TrainbookError) || input.dataset !== undefined || onBadRow === 'error') throw cause;
    const { what, received = '', expected = 'a file that can be read', fix } = cause.parts;
    const fault = { kind: 'file damaged', received: `${what} (${received})`, expected } as const;
    yield { row: row + 1, fault: { ...fault, ...(fix === undefined ? {} : { fix }) } };
  }
}

function badRows(report: RowReport, source: Source): TrainbookError {
  const { reader, numRows, numRejected, listed } = report;
  const other = listed.find(({ kind }) => kind === 'another format')?.fix;
  const mend = "mend the rows; or { onBadRow: 'reject' } lists them in the report and goes on without them";
  return new TrainbookError({
    what: `${reader}: ${numRejected} of ${numRows} rows of ${namesOf(source).join(', ')} are wrong: ${report.countsText()}`,
    received: report.text(shownInErrors).split('\n').slice(1).join('\n    '),
    expected: `rows as ${reader} describes them`,
    fix: other === undefined ? mend : `${other}. Or ${mend}`,
  });
}
