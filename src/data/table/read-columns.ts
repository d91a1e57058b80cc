import { TrainbookError } from '../../error.js';
import type { ColumnKind, ColumnKinds } from './table.js';
import { columnKinds, isMissing } from './table.js';

/** Columns by name, as a format that knows types of its own gives them. */
export type FoundColumns = ReadonlyMap<string, readonly unknown[]>;

/** The columns in plain values, and only those that were asked for, each of its kind. */
export function settleColumns(
  found: FoundColumns,
  path: string,
  columns: ColumnKinds | undefined,
  place: (row: number) => string,
): FoundColumns {
  const names = [...found.keys()];
  checkNames(names, path);
  checkWanted(columns, names, path);
  const settled = new Map<string, readonly unknown[]>();
  let numRows = 0;
  for (const [name, values] of found) {
    numRows = values.length;
    const kind = columns?.[name];
    if (columns !== undefined && kind === undefined) continue;
    const plain = plainValues(values);
    settled.set(name, kind === undefined ? oneKind(name, plain, place) : ofKind(name, kind, plain, place));
  }
  if (numRows > 0) return settled;
  throw new TrainbookError({
    what: `readTable: ${path} has no rows`,
    received: `${names.length} columns`,
    expected: 'at least one row',
  });
}

/** @throws TrainbookError if a column was asked for that is not there, or a kind that there is not. */
export function checkWanted(columns: ColumnKinds | undefined, names: readonly string[], place: string): void {
  const wanted = Object.keys(columns ?? {});
  const absent = wanted.find((name) => !names.includes(name));
  if (absent !== undefined) {
    throw new TrainbookError({
      what: `${place}: there is no column ${absent}`,
      received: names.join(', '),
      expected: `the columns ${wanted.join(', ')}`,
    });
  }
  const strange = Object.values(columns ?? {}).find((kind) => !columnKinds.includes(kind));
  if (strange !== undefined) {
    throw new TrainbookError({
      what: `readTable: there is no kind ${strange} of columns`,
      received: JSON.stringify(columns),
      expected: 'number, string or boolean',
    });
  }
}

/** @throws TrainbookError if two columns have one name, or one a name that no object can have. */
export function checkNames(names: readonly string[], place: string): void {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    const places = names.flatMap((name, index) => (name === twice ? [index + 1] : []));
    throw new TrainbookError({
      what: `${place}: two columns have one name`,
      received: `${twice}, columns ${places.slice(0, 5).join(', ')}${places.length > 5 ? ', …' : ''}`,
      expected: 'a name of its own for each column',
      fix: 'rename one; for a file without a line of names give { names: […] }',
    });
  }
  if (names.includes('__proto__')) {
    throw new TrainbookError({ what: `${place}: a column cannot have this name`, received: '__proto__' });
  }
}

/** 64-bit integers as numbers, or all of a column as strings where one would be rounded; undefined as null. */
function plainValues(values: readonly unknown[]): readonly unknown[] {
  const integers = values.filter((value) => typeof value === 'bigint');
  const exact = integers.every((value) => Number.isSafeInteger(Number(value)));
  return values.map((value) => {
    if (value === undefined) return null;
    return typeof value === 'bigint' ? (exact ? Number(value) : String(value)) : value;
  });
}

function ofKind(
  name: string,
  kind: ColumnKind,
  values: readonly unknown[],
  place: (row: number) => string,
): readonly unknown[] {
  return values.map((value, row) => {
    if (isMissing(value) || typeof value === kind) return value;
    if (kind === 'string' && value instanceof Date) return value.toISOString();
    throw new TrainbookError({
      what: `${place(row)}: column ${name} has a value that is no ${kind}`,
      received: shown(value),
      expected: `a ${kind}, or null where it is missing`,
      fix: `read ${name} as what it is: ${kindOf(value)}`,
    });
  });
}

/** @throws TrainbookError if not all values are of one kind, with the first that differs from those before it. */
function oneKind(name: string, values: readonly unknown[], place: (row: number) => string): readonly unknown[] {
  const first = values.find((value) => !isMissing(value));
  const differs = values.findIndex((value) => !isMissing(value) && kindOf(value) !== kindOf(first));
  if (differs < 0) return values;
  throw new TrainbookError({
    what: `${place(differs)}: column ${name} has values of two kinds`,
    received: `${shown(values[differs])} after ${shown(first)}`,
    expected: `a ${kindOf(first)} in each row, or null where it is missing`,
    fix: 'write all of them as one kind',
  });
}

const kindOf = (value: unknown): string =>
  value instanceof Date ? 'date' : Array.isArray(value) ? 'list' : typeof value;

function shown(value: unknown): string {
  const text = value instanceof Date ? value.toISOString() : (JSON.stringify(value) as string | undefined);
  return (text ?? String(value)).slice(0, 80);
}
