import type { ColumnTable } from 'arquero';
import { fold, key as keyOf, permutation, uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { categoriesOf } from './encode-categories.js';
import type { Category } from './encode-categories.js';
import type { OfTrain } from './part.js';
import { compareValues, takeRows } from './table.js';
import type { ColumnName } from './table.js';

/** How classes are made more alike in size: a seed, or a key where there is one. */
export type ResampleOptions = (
  { readonly seed: number; readonly key?: never } | { readonly key: Key; readonly seed?: never }
) & {
  /** The rows of each class, at least, by those of the largest, above 0 up to 1. Default: 1, all classes alike. */
  readonly ratio?: number;
};

/** A class, the rows that it has, and how large the others are. */
export interface ClassRows {
  readonly value: Category;
  readonly rows: readonly number[];
}

/**
 * Draws rows of small classes once more, with replacement, until each class has at least ⌊ratio · rows of the largest⌋. The rows that are
 * there stay, in front and in their order.
 *
 * It takes training rows alone: a row that is both in the training and in the test part would be known by heart. Class weights
 * (`balancedClassWeights`) have the same effect on a mean loss without a longer table.
 *
 * @returns the table, and for each added row the row that it is.
 * @throws TrainbookError if there is no such column, a class is missing, or the ratio is not above 0 and at most 1.
 * @example
 * const { table, added } = overSample(train, 'Status', { seed: 42 });
 */
export function overSample<T extends ColumnTable & OfTrain>(
  train: T,
  column: ColumnName<T>,
  options: ResampleOptions,
): { readonly table: T; readonly added: readonly number[] } {
  const classes = classesOf('overSample', train, column);
  const target = targetOf('overSample', classes, options.ratio);
  const key = keyFor('overSample', options);
  const added = classes.flatMap(({ value, rows }) =>
    Array.from(
      uniformNumbers(fold(key, named(value)), Math.max(target - rows.length, 0)),
      (share) => rows[Math.floor(share * rows.length)] as number,
    ),
  );
  const all = Array.from({ length: train.numRows() }, (_, row) => row);
  return { table: takeRows(train, [...all, ...added]) as T, added };
}

/**
 * Leaves rows of large classes out, drawn without replacement, until the smallest class has at least ratio · the rows of each:
 * ⌊smallest / ratio⌋ rows stay. Of the training part alone: a test on other shares than those of the world says nothing of it.
 *
 * @returns the rest in its order, and the rows that went.
 * @throws TrainbookError as `overSample` does.
 * @example
 * const { table, dropped } = underSample(train, 'Status', { seed: 42 });
 */
export function underSample<T extends ColumnTable & OfTrain>(
  train: T,
  column: ColumnName<T>,
  options: ResampleOptions,
): { readonly table: T; readonly dropped: readonly number[] } {
  const { ratio = 1 } = options;
  const classes = classesOf('underSample', train, column);
  targetOf('underSample', classes, ratio);
  const most = Math.floor(Math.min(...classes.map(({ rows }) => rows.length)) / ratio);
  const key = keyFor('underSample', options);
  const kept = classes.flatMap(({ value, rows }) =>
    Array.from(permutation(fold(key, named(value)), rows.length).subarray(0, most), (place) => rows[place] as number),
  );
  const stays = new Set(kept);
  const dropped = Array.from({ length: train.numRows() }, (_, row) => row).filter((row) => !stays.has(row));
  return {
    table: takeRows(
      train,
      kept.sort((a, b) => a - b),
    ) as T,
    dropped,
  };
}

/** The rows of each class, classes sorted. */
export function classesOf(who: string, table: ColumnTable, column: string): readonly ClassRows[] {
  const rows = new Map<Category, number[]>();
  categoriesOf(who, table, column).forEach((value, row) => {
    const found = rows.get(value);
    if (found === undefined) rows.set(value, [row]);
    else found.push(row);
  });
  return [...rows].sort(([a], [b]) => compareValues(a, b)).map(([value, own]) => ({ value, rows: own }));
}

/** How many rows each class is to have at least. */
export function targetOf(who: string, classes: readonly ClassRows[], ratio = 1): number {
  if (ratio > 0 && ratio <= 1) return Math.floor(ratio * Math.max(...classes.map(({ rows }) => rows.length)));
  throw new TrainbookError({
    what: `${who}: no such ratio`,
    received: ratio,
    expected: 'a number above 0, at most 1',
    fix: '1 makes all classes alike',
  });
}

export function keyFor(who: string, { key, seed }: ResampleOptions): Key {
  return fold(key ?? keyOf(seed), who);
}

/** A name for a class that tells 1 from '1'. */
export const named = (value: Category): string => `${typeof value} ${String(value)}`;
