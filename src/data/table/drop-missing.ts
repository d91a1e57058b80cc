import type { ColumnTable } from 'arquero';
import { checkColumns, isMissing, takeRows } from './table.js';
import type { ColumnName } from './table.js';

/** A table after some rows went, and the fate of those. */
export interface Cleaned<T, Fate> {
  readonly table: T;
  /** One for each row that went, in order; `row` counts the rows of the table before, from 0. */
  readonly dropped: readonly ({ readonly row: number } & Fate)[];
}

/**
 * Drops the rows in which a value is missing: null, undefined or NaN. `table` stays as it is.
 *
 * @param columns Where to look; by default all columns.
 * @returns the rest, and for each row that went the columns that it lacked.
 * @throws TrainbookError if there is no such column.
 * @example
 * const { table, dropped } = dropMissing(credit, ['Income', 'Job']);
 * dropped[0]; // { row: 29, missing: ['Income', 'Job'] }
 */
export function dropMissing<T extends ColumnTable>(
  table: T,
  columns?: readonly ColumnName<T>[],
): Cleaned<T, { readonly missing: readonly string[] }> {
  const names = columns ?? table.columnNames();
  checkColumns('dropMissing', table, names);
  const values = names.map((name) => table.array(name) as readonly unknown[]);
  const kept: number[] = [];
  const dropped: { readonly row: number; readonly missing: readonly string[] }[] = [];
  for (let row = 0; row < table.numRows(); row++) {
    const missing = names.filter((_, column) => isMissing(values[column]?.[row]));
    if (missing.length === 0) kept.push(row);
    else dropped.push({ row, missing });
  }
  return { table: takeRows(table, kept) as T, dropped };
}
