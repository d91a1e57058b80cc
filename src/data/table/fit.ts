import type { ColumnTable } from 'arquero';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { applyEncoding, encodingSchema } from './encode-categories.js';
import type { CategoryEncoder } from './encode-categories.js';
import { applyImputation, imputationSchema } from './impute-missing.js';
import type { Imputer } from './impute-missing.js';
import type { Train } from './part.js';
import { applyScaling, scalingSchema } from './scaling.js';
import type { Scaler } from './scaling.js';
import type { Untyped } from './table.js';

const fittedSchema = z
  .array(z.discriminatedUnion('kind', [scalingSchema, encodingSchema, imputationSchema]))
  .readonly();

/** What was learned from training rows to prepare others: a list of plain values, in the order in which they are applied. */
export type Fitted = z.infer<typeof fittedSchema>;

/**
 * Learns from the training part of a split how to prepare rows, step by step, each from what those before it make. It takes no other part
 * and no whole table: what is learned from test rows would make the test too easy.
 *
 * What it gives is plain: `JSON.stringify` saves it, `parseFitted` reads it.
 *
 * @throws TrainbookError if a step cannot use a column.
 * @example
 * const { train, test } = trainTestSplit(credit, { testSize: 0.2, seed: 42 });
 * const prepared = fit(train, imputeMissing(['Income'], 'median'), encodeCategories(['Home']), standardScaler(['Age', 'Income']));
 * const x = features(transform(prepared, test), { except: ['Status'] });
 */
export function fit(train: Train<ColumnTable>, ...steps: readonly (Imputer | Scaler | CategoryEncoder)[]): Fitted {
  const fitted: Fitted[number][] = [];
  let table: ColumnTable = train;
  for (const step of steps) {
    const learned = step.fit(table);
    fitted.push(learned);
    table = transform([learned], table);
  }
  return fitted;
}

/**
 * Prepares rows by what was learned from training rows: those themselves, test rows, and rows to predict.
 *
 * @throws TrainbookError if a column is not there, or has a value that cannot be used.
 */
export function transform<T extends ColumnTable>(fitted: Fitted, table: T): Untyped<T> {
  return fitted.reduce<ColumnTable>((rows, learned) => applyOne(learned, rows), table) as Untyped<T>;
}

function applyOne(learned: Fitted[number], rows: ColumnTable): ColumnTable {
  switch (learned.kind) {
    case 'imputation':
      return applyImputation(learned, rows);
    case 'scaling':
      return applyScaling(learned, rows);
    case 'encoding':
      return applyEncoding(learned, rows);
  }
}

/**
 * What `fit` gave, read from JSON.
 *
 * @throws TrainbookError if it is something else.
 * @example
 * const prepared = parseFitted(JSON.parse(await readFile('prepared.json', 'utf8')));
 */
export function parseFitted(value: unknown): Fitted {
  const parsed = fittedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: 'parseFitted: this is not what fit gave',
    received: z.prettifyError(parsed.error),
    expected: 'a list of imputations, scalings and encodings',
  });
}
