import { inspect } from 'node:util';
import type { Table } from '../figure.js';

/** Rows that are looked at: more are not shown, and counted only. */
const LOOKED_AT = 1000;

/** Characters of a text in a cell. */
const LONGEST = 120;

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Values of one kind that stand in rows: objects of plain values. Lists of anything else are no table. */
export function isRows(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.length > 0 && value.slice(0, LOOKED_AT).every(isPlainObject);
}

/** The part of an Arquero table that is needed; others have it too. */
export interface ColumnarTable {
  numRows(): number;
  columnNames(): string[];
  objects(options: { limit: number }): readonly Readonly<Record<string, unknown>>[];
}

export function isColumnar(value: unknown): value is ColumnarTable {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['numRows', 'columnNames', 'objects'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

/** A value as it stands in a table. */
function cellOf(value: unknown): string | number {
  if (typeof value === 'number') return value;
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Infinity });
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** Objects as a table: a column for each name that any of them has. `numRows` may be more than the rows given. */
export function tableOfRows(rows: readonly Readonly<Record<string, unknown>>[], numRows = rows.length): Table {
  const looked = rows.slice(0, LOOKED_AT);
  const columns = [...new Set(looked.flatMap((row) => Object.keys(row)))];
  return tableOf(columns, looked, numRows);
}

/** The first rows of an Arquero table. */
export function tableOfColumns(table: ColumnarTable): Table {
  return tableOf(table.columnNames(), table.objects({ limit: LOOKED_AT }), table.numRows());
}

function tableOf(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
  numRows: number,
): Table {
  const title = `${numRows.toLocaleString('en')} ${numRows === 1 ? 'row' : 'rows'}, ${columns.length} ${columns.length === 1 ? 'column' : 'columns'}`;
  return { title, columns, rows: rows.map((row) => columns.map((name) => cellOf(row[name]))) };
}
