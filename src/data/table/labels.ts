import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import { categoriesOf } from './encode-categories.js';
import type { Category } from './encode-categories.js';
import type { SamePart } from './part.js';
import { compareValues } from './table.js';
import type { ColumnName } from './table.js';

/** The classes of rows, as a classifier learns them. */
export interface Labels {
  /** The classes, sorted; a class is known by its place. */
  readonly classes: readonly Category[];
  readonly indices: Int32Array; // [rows]
}

/**
 * The classes of rows by their place among all classes.
 *
 * @param classes The classes that there are; by default those of the column, sorted. Test rows take those of the training rows.
 * @throws TrainbookError for a column that is not there, a missing value, or a class that is not among those given.
 * @example
 * const y = labels(train, 'Status'); // classes: ['bad', 'good']
 * const truth = labels(test, 'Status', y.classes);
 */
export function labels<T extends ColumnTable>(
  table: T,
  column: ColumnName<T>,
  classes?: readonly Category[],
): SamePart<T, Labels> {
  const values = categoriesOf('labels', table, column);
  const all = classes ?? [...new Set(values)].sort(compareValues);
  const places = new Map(all.map((value, place) => [value, place]));
  const indices = Int32Array.from(values, (value, row) => {
    const place = places.get(value);
    if (place !== undefined) return place;
    throw new TrainbookError({
      what: `labels: column ${column} has another class`,
      received: `${JSON.stringify(value)} in row ${row}`,
      expected: `one of ${all.join(', ')}`,
      fix: 'split with { stratify } so that the training rows have all classes',
    });
  });
  return { classes: all, indices } satisfies Labels as SamePart<T, Labels>;
}
