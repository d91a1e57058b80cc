// Income  Job            Income  Job    Income is missing
// 129     fixed     →    129     fixed  0
//         fixed          131     fixed  1                  (131: the mean of the training rows)
import type { ColumnTable } from 'arquero';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { meanOf, quantile } from './column-statistics.js';
import { chosenColumns, columnValues, compareValues, isMissing } from './table.js';
import type { ColumnChoice, ColumnKind } from './table.js';

const valueSchema = z.union([z.number(), z.string(), z.boolean()]);
type Value = z.infer<typeof valueSchema>;

/** What stands in for missing values, column by column. Plain: JSON keeps it exactly. */
export const imputationSchema = z.strictObject({
  kind: z.literal('imputation'),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      value: valueSchema,
      /** The name of the column that says where a value was missing; absent if there is none. */
      indicator: z.string().optional(),
    }),
  ),
});
export type Imputation = z.infer<typeof imputationSchema>;

/** An imputer that has not seen data yet; `fit` shows it the training part. */
export interface Imputer {
  fit(table: ColumnTable): Imputation;
}

/** What takes the place of a missing value: something learned from the values that are there, or one constant. */
export type Strategy = 'mean' | 'median' | 'most frequent' | { readonly constant: Value };

export interface ImputeMissingOptions {
  /** Adds a column `… is missing` of 0 and 1 for each chosen column that lacks a value in training. Default: none. */
  readonly indicator?: boolean;
}

/**
 * Fills missing values with what is learned from the training rows, as scikit-learn's `SimpleImputer`: the mean or the median of the numbers
 * that are there, the value that is there most often (of several the least), or a constant.
 *
 * That a value is missing often says something itself: who leaves the income out is not a person of mean income. `indicator` keeps that,
 * in columns for a model to learn from, as `add_indicator`.
 *
 * @param columns Which columns, or all whose values suit except some, such as the one to predict: with `except` the mean and the median
 *   take all columns of numbers, a constant those of its own kind.
 * @throws TrainbookError in `fit`, for a column without any value, and one whose values do not suit.
 * @example
 * const prepared = fit(
 *   train,
 *   imputeMissing(['Income', 'Assets'], 'median', { indicator: true }),
 *   imputeMissing(['Home', 'Job'], { constant: 'unknown' }),
 * );
 */
export function imputeMissing(
  columns: ColumnChoice,
  strategy: Strategy,
  { indicator = false }: ImputeMissingOptions = {},
): Imputer {
  const suits = suiting(strategy);
  return {
    fit: (table) => ({
      kind: 'imputation',
      columns: chosenColumns('imputeMissing', table, columns, suits).map((name) => {
        const values = columnValues('imputeMissing', table, name);
        const present = values.filter((value) => !isMissing(value));
        const value = learn(checkValues(name, present, suits, strategy), strategy);
        const hasGap = indicator && present.length < values.length;
        return { name, value, ...(hasGap ? { indicator: `${name} is missing` } : {}) };
      }),
    }),
  };
}

/** The table with values in place of those that are missing, and the columns that say where. */
export function applyImputation({ columns }: Imputation, table: ColumnTable): ColumnTable {
  const data: Record<string, readonly unknown[]> = {};
  for (const { name, value, indicator } of columns) {
    const values = columnValues('transform', table, name);
    data[name] = values.map((own) => (isMissing(own) ? value : own));
    if (indicator === undefined) continue;
    if (table.columnNames().includes(indicator)) {
      throw new TrainbookError({ what: 'transform: two columns would have one name', received: indicator });
    }
    data[indicator] = values.map((own) => Number(isMissing(own)));
  }
  return table.assign(data);
}

function suiting(strategy: Strategy): readonly ColumnKind[] {
  if (strategy === 'most frequent') return ['number', 'string', 'boolean'];
  if (strategy === 'mean' || strategy === 'median') return ['number'];
  return [typeof strategy.constant as ColumnKind];
}

function learn(present: readonly Value[], strategy: Strategy): Value {
  if (typeof strategy === 'object') return strategy.constant;
  if (strategy === 'mean') return meanOf(Float64Array.from(present as readonly number[]));
  if (strategy === 'median') return quantile(Float64Array.from(present as readonly number[]).sort(), 0.5);
  const counts = new Map<Value, number>();
  for (const value of present) counts.set(value, (counts.get(value) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const [value] = [...counts].filter(([, count]) => count === most).sort(([a], [b]) => compareValues(a, b));
  return value?.[0] ?? NaN;
}

/** @throws TrainbookError if nothing can be learned from these values, or they are of another kind than what is to stand beside them. */
function checkValues(
  name: string,
  present: readonly unknown[],
  suits: readonly ColumnKind[],
  strategy: Strategy,
): readonly Value[] {
  if (present.length === 0 && typeof strategy === 'string') {
    throw new TrainbookError({
      what: `imputeMissing: column ${name} has no value to learn from`,
      received: 'missing values alone in the training rows',
      expected: `values, for the strategy '${strategy}'`,
      fix: 'leave the column out, or give { constant: … }',
    });
  }
  const isValue = (value: unknown): value is Value => suits.some((kind) => kind === typeof value) && !isInfinite(value);
  if (present.every(isValue)) return present;
  const strange = present.find((value) => !isValue(value));
  throw new TrainbookError({
    what: `imputeMissing: column ${name} has a value that does not suit`,
    received: typeof strange === 'number' ? strange : JSON.stringify(strange),
    expected: suits.length === 1 ? `finite values of the kind ${suits.join(', ')}` : 'numbers, strings or booleans',
    fix: "'most frequent' fills columns of any kind; what is not finite must go first",
  });
}

const isInfinite = (value: unknown): boolean => value === Infinity || value === -Infinity;
