import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { meanOf, quantile } from './column-statistics.js';
import { checkColumns, columnValues, isMissing } from './table.js';

/** Rows as SMOTE sees them: some columns are numbers, the others categories. */
export interface SmoteSpace {
  readonly numbers: readonly { readonly name: string; readonly values: Float64Array }[];
  readonly categories: readonly { readonly name: string; readonly values: readonly unknown[] }[];
  /** The nearest others among these rows of each of them, the nearest first; of equally near ones the first row. */
  neighbours(rows: readonly number[], count: number): readonly (readonly number[])[];
}

/** @throws TrainbookError for a value that is missing or infinite, or neither a number nor a category. */
export function smoteSpace(table: ColumnTable, label: string, chosen: readonly string[]): SmoteSpace {
  checkColumns('smote', table, chosen);
  const numbers: { readonly name: string; readonly values: Float64Array }[] = [];
  const categories: { readonly name: string; readonly values: readonly unknown[] }[] = [];
  for (const name of table.columnNames()) {
    if (name === label) continue;
    const values = columnValues('smote', table, name);
    checkValues(name, values);
    if (!chosen.includes(name) && values.every((value) => typeof value === 'number')) {
      numbers.push({ name, values: Float64Array.from(values) });
    } else categories.push({ name, values });
  }
  if (numbers.length === 0) {
    throw new TrainbookError({
      what: 'smote: nothing lies between categories alone',
      received: `the columns ${table.columnNames().join(', ')}`,
      expected: 'at least one column of numbers beside the class',
      fix: 'overSample repeats rows',
    });
  }
  return { numbers, categories, neighbours: (rows, count) => nearest({ numbers, categories }, rows, count) };
}

function nearest(
  { numbers, categories }: Pick<SmoteSpace, 'numbers' | 'categories'>,
  rows: readonly number[],
  count: number,
): readonly (readonly number[])[] {
  const apart = categories.length === 0 ? 0 : medianDeviation(numbers, rows) ** 2;
  const points = pointsOf(numbers, rows);
  const codes = categories.map(({ values }) => rows.map((row) => values[row]));
  const width = numbers.length;
  /** Squared, or more than `most` where it is more. */
  const distance = (a: number, b: number, most: number): number => {
    let sum = 0;
    for (let column = 0; column < width && sum <= most; column++) {
      sum += ((points[a * width + column] as number) - (points[b * width + column] as number)) ** 2;
    }
    for (const values of codes) if (values[a] !== values[b]) sum += apart;
    return sum;
  };
  return rows.map((_, place) => {
    const found: { readonly other: number; readonly distance: number }[] = [];
    for (let other = 0; other < rows.length; other++) {
      if (other === place) continue;
      const most = found.length < count ? Infinity : (found.at(-1)?.distance ?? Infinity);
      const own = distance(place, other, most);
      if (own >= most) continue;
      const after = found.findIndex((each) => each.distance > own);
      found.splice(after < 0 ? found.length : after, 0, { other, distance: own });
      if (found.length > count) found.pop();
    }
    return found.map(({ other }) => rows[other] as number);
  });
}

/** Row after row: [rows, numbers]. */
function pointsOf(numbers: SmoteSpace['numbers'], rows: readonly number[]): Float64Array {
  const points = new Float64Array(rows.length * numbers.length);
  numbers.forEach(({ values }, column) => {
    rows.forEach((row, place) => (points[place * numbers.length + column] = values[row] ?? NaN));
  });
  return points;
}

/** The median of the standard deviations that the columns of numbers have in these rows. */
function medianDeviation(numbers: SmoteSpace['numbers'], rows: readonly number[]): number {
  const deviations = numbers.map(({ values }) => {
    const own = Float64Array.from(rows, (row) => values[row] ?? NaN);
    const mean = meanOf(own);
    return Math.sqrt(meanOf(own.map((value) => (value - mean) ** 2)));
  });
  return quantile(Float64Array.from(deviations).sort(), 0.5);
}

function checkValues(name: string, values: readonly unknown[]): void {
  const row = values.findIndex(
    (value) => isMissing(value) || value === Infinity || value === -Infinity || typeof value === 'object',
  );
  if (row < 0) return;
  throw new TrainbookError({
    what: `smote: column ${name} has a value that is neither a number nor a category`,
    received: `${String(values[row])} in row ${row}`,
    expected: 'finite numbers, strings or booleans',
    fix: `fit(train, imputeMissing(['${name}'], 'median')) fills missing values`,
  });
}
