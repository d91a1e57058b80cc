import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { settleColumns } from './read-columns.js';
import { columnValues } from './table.js';

/** A DataFrame of danfojs or danfojs-node, by what it can do: the library is yours, whichever copy of it. */
export interface DanfoFrame {
  readonly columns: readonly string[];
  /** Row after row. */
  readonly values: readonly unknown[];
}

/** What of danfojs makes frames. */
export interface Danfo<Frame> {
  readonly DataFrame: new (data: Record<string, unknown[]>) => Frame;
}

/**
 * An Arquero table of a danfojs frame. NaN, which danfojs has for a missing number, and undefined are null; numbers, infinite ones too,
 * strings, booleans and dates stay what they are. The frame's index is left out: make it a column first to keep it.
 *
 * @throws TrainbookError if a column has values of two kinds, two columns have one name, or the frame has no rows.
 * @example
 * import * as danfo from 'danfojs-node';
 * const table = await fromDanfo(await danfo.readCSV('credit.csv'));
 */
export async function fromDanfo(frame: DanfoFrame): Promise<ColumnTable> {
  const rows = frame.values.map((row, index) => {
    if (Array.isArray(row)) return row as readonly unknown[];
    throw new TrainbookError({
      what: 'fromDanfo: this is no frame',
      received: `${String(row)} for row ${index}`,
      expected: 'a DataFrame of danfojs, whose values are rows',
      fix: 'of a Series make a frame: new DataFrame({ name: series.values })',
    });
  });
  const twice = frame.columns.find((name, at) => frame.columns.indexOf(name) < at);
  if (twice !== undefined) {
    throw new TrainbookError({ what: 'fromDanfo: two columns have one name', received: twice });
  }
  const found = frame.columns.map((name, column): [string, readonly unknown[]] => [
    name,
    rows.map((row) => (Number.isNaN(row[column]) ? null : row[column])),
  ]);
  const columns = settleColumns(new Map(found), 'the frame', undefined, (row) => `the frame, row ${row}`);
  const { table } = await import('arquero');
  return table(columns, [...columns.keys()]);
}

/**
 * A danfojs frame of a table. Missing numbers become NaN, as danfojs has them, other missing values null.
 *
 * @param danfo Your danfojs: `import * as danfo from 'danfojs-node'`.
 * @throws TrainbookError if the table has no rows: danfojs knows the kind of a column by its values.
 * @example
 * const frame = toDanfo(await readTable('credit_data'), danfo);
 * frame.describe().print();
 */
export function toDanfo<Frame>(table: ColumnTable, danfo: Danfo<Frame>): Frame {
  if (table.numRows() === 0) {
    throw new TrainbookError({ what: 'toDanfo: the table has no rows', received: 0, expected: 'at least one row' });
  }
  const columns = table.columnNames().map((name): [string, unknown[]] => {
    const values = columnValues('toDanfo', table, name);
    const isNumeric = values.some((value) => typeof value === 'number');
    return [name, values.map((value) => value ?? (isNumeric ? NaN : null))];
  });
  return new danfo.DataFrame(Object.fromEntries(columns));
}
