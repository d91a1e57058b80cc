import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import type { SamePart } from './part.js';
import { chosenColumns, columnValues, isMissing } from './table.js';
import type { ColumnChoice, ColumnName } from './table.js';

/** Numbers of rows, as a model takes them. */
export interface Features {
  readonly numRows: number;
  /** What each number of a row is. */
  readonly columns: readonly string[];
  readonly values: Float32Array; // [numRows, columns]
}

/**
 * The numbers of some columns, row by row; true and false are 1 and 0.
 *
 * @param columns Which, in this order; or all except some.
 * @throws TrainbookError for a column that is not there, and with column and row for a value that is missing, no number, or beyond
 *   what 32 bits hold.
 * @example
 * const { values, columns } = features(transform(prepared, train), { except: ['Status'] });
 * const x = tf.tensor2d(values, [train.numRows(), columns.length]);
 */
export function features<T extends ColumnTable>(table: T, columns: ColumnChoice<ColumnName<T>>): SamePart<T, Features> {
  const names = chosenColumns('features', table, columns);
  const numRows = table.numRows();
  const values = new Float32Array(numRows * names.length);
  names.forEach((name, column) => {
    columnValues('features', table, name).forEach((value, row) => {
      const number = Math.fround(typeof value === 'boolean' ? Number(value) : typeof value === 'number' ? value : NaN);
      if (!Number.isFinite(number)) throw noFeature(name, value, row);
      values[row * names.length + column] = number;
    });
  });
  return { numRows, columns: names, values } satisfies Features as SamePart<T, Features>;
}

function noFeature(name: string, value: unknown, row: number): TrainbookError {
  const isNumber = typeof value === 'number' && !Number.isNaN(value);
  return new TrainbookError({
    what: `features: column ${name} has a value that is no ${isNumber ? '32-bit number' : 'number'}`,
    received: `${isMissing(value) ? 'a missing value' : isNumber ? value : JSON.stringify(value)} in row ${row}`,
    expected: 'finite numbers, or true and false',
    fix: isMissing(value)
      ? `fit(train, imputeMissing(['${name}'], 'median')), or dropMissing(table, ['${name}'])`
      : isNumber
        ? `fit(train, standardScaler(['${name}'])), or drop the row`
        : `fit(train, encodeCategories(['${name}'])), or leave the column out`,
  });
}
