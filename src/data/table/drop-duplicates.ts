import type { ColumnTable } from 'arquero';
import type { Cleaned } from './drop-missing.js';
import { checkColumns, isMissing, takeRows } from './table.js';
import type { ColumnName } from './table.js';

/**
 * Keeps of rows that are equal the first. Missing values are equal to each other, as in pandas. `table` stays as it is.
 *
 * @param columns What to compare; by default all columns.
 * @returns the rest, and for each row that went the row that it is like.
 * @throws TrainbookError if there is no such column.
 * @example
 * const { table, dropped } = dropDuplicates(credit);
 * dropped[0]; // { row: 1022, like: 1021 }
 */
export function dropDuplicates<T extends ColumnTable>(
  table: T,
  columns?: readonly ColumnName<T>[],
): Cleaned<T, { readonly like: number }> {
  const names = columns ?? table.columnNames();
  checkColumns('dropDuplicates', table, names);
  const values = names.map((name) => table.array(name) as readonly unknown[]);
  const seen = new Map<string, number>();
  const kept: number[] = [];
  const dropped: { readonly row: number; readonly like: number }[] = [];
  for (let row = 0; row < table.numRows(); row++) {
    const content = values.map((column) => written(column[row])).join('');
    const like = seen.get(content);
    if (like === undefined) {
      seen.set(content, row);
      kept.push(row);
    } else dropped.push({ row, like });
  }
  return { table: takeRows(table, kept) as T, dropped };
}

/** A value so that different ones are written differently, also when written one after the other. */
function written(value: unknown): string {
  if (isMissing(value)) return 'm;';
  if (value instanceof Date) return `d${value.getTime()};`;
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const text = isPlain || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return `${typeof value}${text.length};${text}`;
}
