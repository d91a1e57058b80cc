import type { ColumnTable } from 'arquero';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { meanOf, quantile } from './column-statistics.js';
import { chosenColumns, columnValues, isMissing } from './table.js';
import type { ColumnChoice } from './table.js';

/** x ↦ (x − centre) / scale, column by column. Plain: JSON keeps it exactly. */
export const scalingSchema = z.strictObject({
  kind: z.literal('scaling'),
  columns: z.array(z.strictObject({ name: z.string(), centre: z.number(), scale: z.number() })),
});
export type Scaling = z.infer<typeof scalingSchema>;

/** What is learned of a column's numbers. */
type Learn = (numbers: Float64Array) => { readonly centre: number; readonly scale: number };

/** A scaler that has not seen data yet; `fit` shows it the training part. */
export interface Scaler {
  fit(table: ColumnTable): Scaling;
}

/**
 * z = (x − mean) / deviation with the deviation √(Σ (x − mean)² / n), as scikit-learn's `StandardScaler`: missing values do not count
 * and stay missing; a column whose numbers are all equal, to rounding, is only centred.
 *
 * @param columns Columns of numbers, or all of those except some, such as the one to predict.
 * @example
 * const prepared = fit(train, standardScaler(['Age', 'Income']));
 */
export function standardScaler(columns: ColumnChoice): Scaler {
  return scaler('standardScaler', columns, (numbers) => {
    const mean = meanOf(numbers);
    const variance = meanOf(numbers.map((number) => (number - mean) ** 2));
    // What rounding alone may give: Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance".
    const rounding = numbers.length * Number.EPSILON * variance + (numbers.length * mean * Number.EPSILON) ** 2;
    return { centre: mean, scale: variance <= rounding ? 1 : Math.sqrt(variance) };
  });
}

/**
 * x′ = low + (x − min) / (max − min) · (high − low), so that the training part lies in [low, high]; as scikit-learn's `MinMaxScaler`.
 * A constant column becomes low.
 *
 * @throws TrainbookError if low is not below high.
 */
export function minMaxScaler(columns: ColumnChoice, [low, high]: readonly [number, number] = [0, 1]): Scaler {
  if (!(low < high)) {
    throw new TrainbookError({
      what: 'minMaxScaler: no such range',
      received: `[${low}, ${high}]`,
      expected: 'two numbers, the first below the second',
    });
  }
  return scaler('minMaxScaler', columns, (numbers) => {
    const min = numbers.reduce((least, number) => Math.min(least, number), Infinity);
    const max = numbers.reduce((most, number) => Math.max(most, number), -Infinity);
    const scale = unlessZero(max - min) / (high - low);
    return { centre: min - low * scale, scale };
  });
}

/**
 * x′ = (x − median) / (q₇₅ − q₂₅), which outliers hardly move; as scikit-learn's `RobustScaler`, quantiles between two numbers taken on
 * the line between them. A column with equal quartiles is only centred.
 */
export function robustScaler(columns: ColumnChoice): Scaler {
  return scaler('robustScaler', columns, (numbers) => {
    const sorted = numbers.toSorted();
    return { centre: quantile(sorted, 0.5), scale: unlessZero(quantile(sorted, 0.75) - quantile(sorted, 0.25)) };
  });
}

/** The table with its columns scaled; missing values stay so. */
export function applyScaling({ columns }: Scaling, table: ColumnTable): ColumnTable {
  const scaled = columns.map(({ name, centre, scale }) => [
    name,
    numbersOf('transform', table, name).map((value) => (value === null ? null : (value - centre) / scale)),
  ]);
  return table.assign(Object.fromEntries(scaled) as Record<string, (number | null)[]>);
}

function scaler(who: string, columns: ColumnChoice, learn: Learn): Scaler {
  return {
    fit: (table) => {
      const names = chosenColumns(who, table, columns, ['number']);
      return {
        kind: 'scaling',
        columns: names.map((name) => {
          const numbers = Float64Array.from(numbersOf(who, table, name).filter((value) => value !== null));
          if (numbers.length === 0 || !numbers.every(Number.isFinite)) {
            throw new TrainbookError({
              what: `${who}: column ${name} cannot be scaled`,
              received: numbers.length === 0 ? 'no value that is not missing' : 'an infinite value',
              expected: 'finite numbers',
            });
          }
          return { name, ...learn(numbers) };
        }),
      };
    },
  };
}

function numbersOf(who: string, table: ColumnTable, name: string): (number | null)[] {
  return columnValues(who, table, name).map((value, row) => {
    if (isMissing(value)) return null;
    if (typeof value === 'number') return value;
    throw new TrainbookError({
      what: `${who}: column ${name} has a value that is no number`,
      received: `${JSON.stringify(value)} in row ${row}`,
      expected: 'numbers',
      fix: 'encodeCategories makes numbers of categories',
    });
  });
}

/** A scale that can be divided by: 1 for what is 0 to rounding. */
const unlessZero = (scale: number): number => (scale < 10 * Number.EPSILON ? 1 : scale);
