import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import type { SamePart } from './part.js';

/** What the values of a column are; each may be missing (null) too. */
export const columnKinds = ['number', 'string', 'boolean'] as const;
export type ColumnKind = (typeof columnKinds)[number];

/** The columns of a table that was read with `columns`. */
export type ColumnKinds = Readonly<Record<string, ColumnKind>>;

declare const kinds: unique symbol;

/** Verbs of Arquero that change the columns: what they give has columns that the types do not know. */
type Reshaping =
  | 'assign'
  | 'count'
  | 'cross'
  | 'derive'
  | 'fold'
  | 'join'
  | 'join_full'
  | 'join_left'
  | 'join_right'
  | 'lookup'
  | 'pivot'
  | 'rename'
  | 'rollup'
  | 'select'
  | 'spread'
  | 'unroll';

interface Kinds<Columns extends ColumnKinds> {
  /** Known to the compiler only. */
  readonly [kinds]: Columns;
}

/** An Arquero table whose columns the compiler knows: a name that is not there does not compile. */
export type TypedTable<Columns extends ColumnKinds> = Kinds<Columns> & {
  readonly [Verb in Reshaping]: (...given: Parameters<ColumnTable[Verb]>) => ColumnTable;
} & ColumnTable;

/** The names of a table's columns; any string where they are not known. */
export type ColumnName<T> = T extends Kinds<infer Columns> ? keyof Columns & string : string;

/** A table with the columns of another, in no part of a split. */
export type WithColumns<T> = T extends Kinds<infer Columns> ? TypedTable<Columns> : ColumnTable;

/** The table without the knowledge of its columns, in the same part of a split. */
export type Untyped<T> = SamePart<T, ColumnTable>;

/** A cell that says nothing: null, undefined or NaN. */
export function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value));
}

/**
 * The values of a column, in the order of the table's rows.
 *
 * @param who What the error begins with, such as `features`.
 * @throws TrainbookError if there is no such column.
 */
export function columnValues(who: string, table: ColumnTable, name: string): readonly unknown[] {
  checkColumns(who, table, [name]);
  return table.array(name) as readonly unknown[];
}

/** @throws TrainbookError for a name that is no column of the table. */
export function checkColumns(who: string, table: ColumnTable, names: readonly string[]): void {
  const known = new Set(table.columnNames());
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new TrainbookError({
    what: `${who}: the table has no such column`,
    received: unknown,
    expected: `one of ${[...known].join(', ')}`,
  });
}

/** Columns by name; or all that suit the purpose, except some. */
export type ColumnChoice<Name extends string = string> = readonly Name[] | { readonly except: readonly Name[] };

/**
 * The names that a choice stands for, those left by `except` in the order of the table.
 *
 * @param suits Which columns `except` leaves: those whose values, where they are not missing, are all of these types.
 * @throws TrainbookError for a name that is no column, or chosen twice, and if no column is chosen.
 */
export function chosenColumns(
  who: string,
  table: ColumnTable,
  choice: ColumnChoice,
  suits?: readonly ColumnKind[],
): readonly string[] {
  const given = 'except' in choice ? choice.except : choice;
  checkColumns(who, table, given);
  const names = 'except' in choice ? table.columnNames().filter((name) => !given.includes(name)) : given;
  const suiting =
    'except' in choice && suits !== undefined ? names.filter((name) => hasOnly(table, name, suits)) : names;
  if (suiting.length > 0 && new Set(suiting).size === suiting.length) return [...suiting];
  throw new TrainbookError({
    what: `${who}: ${suiting.length === 0 ? 'no column is chosen' : 'a column is chosen twice'}`,
    received: JSON.stringify(choice),
    expected: `at least one of ${table.columnNames().join(', ')}, each once`,
  });
}

function hasOnly(table: ColumnTable, name: string, types: readonly string[]): boolean {
  const present = columnValues('chosenColumns', table, name).filter((value) => !isMissing(value));
  return present.length > 0 && present.every((value) => types.includes(typeof value));
}

/** The table with just these rows, in this order: places among the rows that it shows. */
export function takeRows(table: ColumnTable, rows: ArrayLike<number>): ColumnTable {
  const backing = table.indices();
  return table.reify(Array.from(rows, (row) => backing[row] as number));
}

/**
 * Numbers before strings before booleans, each in its own order, strings by code unit: as numpy sorts classes of one type.
 */
export function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = typeof a === typeof b ? [String(a), String(b)] : [typeof a, typeof b];
  return left < right ? -1 : left > right ? 1 : 0;
}
