// Two rows of a class and one made between them, at gap 0.25:
//   Age  Income  Home          Age  Income  Home
//   20   100     rent     →    25   110     rent    (20 + 0.25 · (40 − 20), …; rent is most frequent among the neighbours)
//   40   140     owner
import type { ColumnTable } from 'arquero';
import { fold, uniformNumbers } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Category } from './encode-categories.js';
import type { OfTrain } from './part.js';
import { classesOf, keyFor, named, targetOf } from './resample.js';
import type { ResampleOptions } from './resample.js';
import { smoteSpace } from './smote-space.js';
import type { SmoteSpace } from './smote-space.js';
import type { ColumnName } from './table.js';

export type SmoteOptions<Column extends string = string> = ResampleOptions & {
  /** How many nearest rows of the class a made row may lean to. Default: 5. */
  readonly neighbours?: number;
  /** Columns of numbers that are categories all the same: never between two values. Strings and booleans always are. */
  readonly categories?: readonly Column[];
};

/** What a made row was made of. */
export interface MadeRow {
  readonly class: Category;
  /** The row that it began at and the one that it leans to. */
  readonly between: readonly [row: number, neighbour: number];
  /** How far it lies on the way, from 0 to 1. */
  readonly gap: number;
}

/**
 * Makes rows of small classes: x = a + u (b − a) with a row a of the class, one of its nearest neighbours b in the class, and u uniform in
 * [0, 1), until each class has at least ⌊ratio · rows of the largest⌋. Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling
 * Technique" (1106.1813).
 *
 * Where columns are categories it is SMOTE-NC of the same paper: two that differ count in the squared distance as the square of the median
 * of the numeric columns' standard deviations within the class, and a made row has the category that is most frequent among the
 * neighbours of a (of several, that of the nearest). So encode categories after it, and scale numbers before it: distances depend on it.
 *
 * It takes training rows alone, and gives training rows: a test row that leans to training rows would be no test. What is made depends on
 * the key, the class and the number of the made row, not on how many are made.
 *
 * @returns the table with the made rows at its end, and what each is made of.
 * @throws TrainbookError if a class that is to grow has a single row, a value is missing, a column is neither numbers nor categories, or
 *   an option is out of range.
 * @example
 * const { table, made } = smote(train, 'Status', { seed: 42 });
 */
export function smote<T extends ColumnTable & OfTrain>(
  train: T,
  column: ColumnName<T>,
  options: SmoteOptions<ColumnName<T>>,
): { readonly table: T; readonly made: readonly MadeRow[] } {
  const { neighbours = 5, categories = [], ratio } = options;
  if (!Number.isInteger(neighbours) || neighbours < 1) {
    throw new TrainbookError({
      what: 'smote: no such number of neighbours',
      received: neighbours,
      expected: 'a whole number above 0',
    });
  }
  const classes = classesOf('smote', train, column);
  const target = targetOf('smote', classes, ratio);
  const key = keyFor('smote', options);
  const rows = train.reify();
  const space = smoteSpace(rows, column, categories);
  const made: MadeRow[] = [];
  const added = new Map(rows.columnNames().map((name) => [name, [] as unknown[]]));
  for (const { value, rows: own } of classes) {
    if (own.length >= target) continue;
    checkSize(value, own.length);
    const near = space.neighbours(own, Math.min(neighbours, own.length - 1));
    const classKey = fold(key, named(value));
    for (let number = 0; number < target - own.length; number++) {
      const [first = 0, second = 0, gap = 0] = uniformNumbers(fold(classKey, number), 3);
      const place = Math.floor(first * own.length);
      const around = near[place] ?? [];
      const between = [own[place] as number, around[Math.floor(second * around.length)] as number] as const;
      made.push({ class: value, between, gap });
      added.get(column)?.push(value);
      addRow(space, added, between, gap, around);
    }
  }
  const data = Object.fromEntries(
    [...added].map(([name, values]) => [name, [...(rows.array(name) as unknown[]), ...values]]),
  );
  return { table: rows.create({ data, names: rows.columnNames() }), made };
}

function addRow(
  { numbers, categories }: SmoteSpace,
  added: ReadonlyMap<string, unknown[]>,
  [row, neighbour]: readonly [number, number],
  gap: number,
  around: readonly number[],
): void {
  for (const { name, values } of numbers) {
    const [from = NaN, to = NaN] = [values[row], values[neighbour]];
    added.get(name)?.push(from + gap * (to - from));
  }
  for (const { name, values } of categories) {
    added.get(name)?.push(mostFrequent(around.map((other) => values[other])));
  }
}

/** Of equally frequent values the one that comes first. */
function mostFrequent(values: readonly unknown[]): unknown {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return values.find((value) => counts.get(value) === most);
}

function checkSize(value: Category, numRows: number): void {
  if (numRows > 1) return;
  throw new TrainbookError({
    what: 'smote: a class has no two rows to make another between',
    received: `one row of ${String(value)}`,
    expected: 'at least two rows of each class that is to grow',
    fix: 'overSample repeats rows; or leave the class out',
  });
}
