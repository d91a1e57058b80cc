// Home      →  Home=other  Home=owner  Home=rent
// rent         0           0           1
// owner        0           1           0
import type { ColumnTable } from 'arquero';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { chosenColumns, columnValues, compareValues, isMissing } from './table.js';
import type { ColumnChoice } from './table.js';

const categorySchema = z.union([z.string(), z.number(), z.boolean()]);
export type Category = z.infer<typeof categorySchema>;

/** The categories of columns and how they become numbers. Plain: JSON keeps it exactly. */
export const encodingSchema = z.strictObject({
  kind: z.literal('encoding'),
  form: z.enum(['one-hot', 'ordinal']),
  unknown: z.enum(['error', 'zeros']),
  columns: z.array(z.strictObject({ name: z.string(), categories: z.array(categorySchema) })),
});
export type Encoding = z.infer<typeof encodingSchema>;

/** An encoder that has not seen data yet; `fit` shows it the training part. */
export interface CategoryEncoder {
  fit(table: ColumnTable): Encoding;
}

export type EncodeCategoriesOptions =
  | {
      /** A column of 0 and 1 for each category, called `Home=rent`, in place of the column. The default. */
      readonly form?: 'one-hot';
      /** A category that training did not see is an error (the default), or 0 in all columns. */
      readonly unknown?: 'error' | 'zeros';
    }
  | {
      /** The number of the category in its place, from 0. For trees, and categories that have an order. */
      readonly form: 'ordinal';
      readonly unknown?: never;
    };

/**
 * Makes numbers of categories, as scikit-learn's `OneHotEncoder` and `OrdinalEncoder`. The categories of a column are those of the
 * training part, sorted.
 *
 * @param columns Which columns, or all that have strings or booleans except some, such as the one to predict.
 * @throws TrainbookError in `fit` or `transform`, for a missing value, and for a category that training did not see.
 * @example
 * const prepared = fit(train, encodeCategories(['Home', 'Job']), standardScaler(['Age']));
 */
export function encodeCategories(
  columns: ColumnChoice,
  { form = 'one-hot', unknown = 'error' }: EncodeCategoriesOptions = {},
): CategoryEncoder {
  return {
    fit: (table) => ({
      kind: 'encoding',
      form,
      unknown,
      columns: chosenColumns('encodeCategories', table, columns, ['string', 'boolean']).map((name) => ({
        name,
        categories: [...new Set(categoriesOf('encodeCategories', table, name))].sort(compareValues),
      })),
    }),
  };
}

/** The table with categories as numbers. */
export function applyEncoding({ form, unknown, columns }: Encoding, table: ColumnTable): ColumnTable {
  const data: Record<string, readonly unknown[]> = {};
  const rows = table.reify();
  const encoded = new Map(columns.map(({ name, categories }) => [name, categories]));
  const add = (name: string, values: readonly unknown[]): void => {
    if (Object.hasOwn(data, name)) {
      throw new TrainbookError({ what: 'transform: two columns would have one name', received: name });
    }
    data[name] = values;
  };
  // Asked for by name first, so that a column that is not there is an error.
  const places = new Map(
    columns.map(({ name, categories }) => [name, placesOf(rows, name, categories, unknown === 'zeros')]),
  );
  for (const name of rows.columnNames()) {
    const own = places.get(name);
    if (own === undefined) add(name, columnValues('transform', rows, name));
    else if (form === 'ordinal') add(name, own);
    else {
      encoded.get(name)?.forEach((category, index) => {
        add(
          `${name}=${category}`,
          own.map((place) => Number(place === index)),
        );
      });
    }
  }
  return rows.create({ data, names: Object.keys(data) });
}

/** The place of each row's category among those known; −1 for one that is not, where that is allowed. */
function placesOf(
  table: ColumnTable,
  name: string,
  categories: readonly Category[],
  allowsUnknown: boolean,
): readonly number[] {
  const places = new Map(categories.map((category, place) => [category, place]));
  return categoriesOf('transform', table, name).map((category, row) => {
    const place = places.get(category);
    if (place !== undefined) return place;
    if (allowsUnknown) return -1;
    throw new TrainbookError({
      what: `transform: column ${name} has a category that training did not see`,
      received: `${JSON.stringify(category)} in row ${row}`,
      expected: `one of ${categories.join(', ')}`,
      fix: "encodeCategories(columns, { unknown: 'zeros' }) lets it be none of them; or stratify the split by the column",
    });
  });
}

/** The values of a column that has categories; none may be missing. */
export function categoriesOf(who: string, table: ColumnTable, name: string): readonly Category[] {
  return columnValues(who, table, name).map((value, row) => {
    if (!isMissing(value)) {
      const category = categorySchema.safeParse(value);
      if (category.success) return category.data;
    }
    throw new TrainbookError({
      what: `${who}: column ${name} has a value that is no category`,
      received: `${String(value)} in row ${row}`,
      expected: 'a string, a number or a boolean',
      fix: `imputeMissing(['${name}'], 'most frequent') fills them, dropMissing(table, ['${name}']) drops the rows`,
    });
  });
}
