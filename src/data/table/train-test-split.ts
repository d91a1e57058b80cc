import type { ColumnTable } from 'arquero';
import { fold, key as keyOf } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { asTest, asTrain } from './part.js';
import type { OfTest, Test, Train } from './part.js';
import { sklearnGroupedRows, sklearnRows, sklearnStratifiedRows } from './sklearn-split.js';
import { groupedRows, latestRows, plainRows, stratifiedRows } from './split-rows.js';
import type { SplitRows } from './split-rows.js';
import { columnValues, takeRows } from './table.js';
import type { ColumnName, WithColumns } from './table.js';

/** Anything with an item a row. */
export type Items = readonly unknown[] | Int32Array | Float32Array | Float64Array;

/** What `stratify`, `group` and `time` say: the name of a column, or beside an array an item a row. */
export type By<T> = T extends ColumnTable ? ColumnName<T> : Items;

/** A seed, or a key where there is one, such as an experiment's. */
export type Drawn =
  | { readonly seed: number; readonly key?: never }
  | { readonly key: Key; readonly seed?: never; readonly order?: never };

interface Size {
  /** The share of the rows to test on, above 0 and below 1, rounded up to whole rows. */
  readonly testSize: number;
}

/** Rows drawn by themselves, or so that each class has its share of both parts. */
type RowsDrawn<T> = Size &
  Drawn & {
    readonly stratify?: By<T>;
    /** The very rows that scikit-learn draws with `random_state: seed`, in its order. By default rows keep their order. */
    readonly order?: 'sklearn';
    readonly group?: never;
    readonly time?: never;
  };

/** Whole groups drawn, such as all rows of a person. */
type GroupsDrawn<T> = Size &
  Drawn & {
    readonly group: By<T>;
    /** The very rows of scikit-learn's `GroupShuffleSplit`, for which `testSize` is a share of groups. */
    readonly order?: 'sklearn';
    readonly stratify?: never;
    readonly time?: never;
  };

/** The latest rows; nothing is drawn. Times are numbers, dates, or strings that sort as they follow (ISO 8601). */
type Latest<T> = Size & {
  readonly time: By<T>;
  readonly seed?: never;
  readonly key?: never;
  readonly stratify?: never;
  readonly group?: never;
  readonly order?: never;
};

export type TrainTestSplitOptions<T> = RowsDrawn<T> | GroupsDrawn<T> | Latest<T>;

/** What parts of `T` are, whatever part it may be of itself. */
export type Whole<T> = T extends ColumnTable
  ? WithColumns<T>
  : T extends readonly (infer Item)[]
    ? readonly Item[]
    : T extends Int32Array
      ? Int32Array
      : T extends Float32Array
        ? Float32Array
        : Float64Array;

export interface TrainTest<T> {
  readonly train: Train<T>;
  readonly test: Test<T>;
  /** Which rows of the whole each part has, from 0. */
  readonly rows: SplitRows;
}

/**
 * Splits a table or an array in rows to train on and rows to test on. The types keep the parts apart: what is learned from data
 * (`fit`) takes the training part alone. A training part can be split again, for validation; a test part cannot.
 *
 * Drawn by key, rows keep their order within a part. `order: 'sklearn'` draws as `train_test_split(…, random_state=seed)` does, of groups as
 * `GroupShuffleSplit`.
 *
 * @throws TrainbookError if a part would be empty, a class or group cannot be in both parts as asked, or a value to split by is
 *   missing.
 * @example
 * const { train, test } = trainTestSplit(credit, { testSize: 0.2, seed: 42, stratify: 'Status' });
 */
export function trainTestSplit<T extends ColumnTable | Items>(
  data: T extends OfTest ? never : T,
  options: TrainTestSplitOptions<T>,
): TrainTest<Whole<T>>;
export function trainTestSplit(
  data: ColumnTable | Items,
  options: TrainTestSplitOptions<ColumnTable> | TrainTestSplitOptions<Items>,
): TrainTest<unknown> {
  const numRows = isTable(data) ? data.numRows() : data.length;
  const rows = choose(numRows, options, (by) => itemsBy('trainTestSplit', data, by));
  return partsOf(data, rows);
}

/** What `stratify`, `group` or `time` name: an item for each row. */
export function itemsBy(who: string, data: ColumnTable | Items, by: string | Items): readonly unknown[] {
  if (typeof by === 'string' && isTable(data)) return columnValues(who, data, by);
  const numRows = isTable(data) ? data.numRows() : data.length;
  if (typeof by === 'string' || by.length !== numRows) {
    throw new TrainbookError({
      what: `${who}: there is not one item a row to split by`,
      received: typeof by === 'string' ? by : `${by.length} items`,
      expected: isTable(data) ? 'the name of a column' : `${numRows} items`,
    });
  }
  return Array.from<unknown>(by);
}

/** The rows of both parts, each knowing which it is. */
export function partsOf(data: ColumnTable | Items, rows: SplitRows): TrainTest<unknown> {
  const part = (chosen: Uint32Array): unknown => (isTable(data) ? takeRows(data, chosen) : takeItems(data, chosen));
  return { train: asTrain(part(rows.train)), test: asTest(part(rows.test)), rows };
}

function choose(
  numRows: number,
  options: TrainTestSplitOptions<ColumnTable> | TrainTestSplitOptions<Items>,
  items: (by: string | Items) => readonly unknown[],
): SplitRows {
  const { testSize } = options;
  if (options.time !== undefined) return latestRows(items(options.time), testSize);
  if (options.order === 'sklearn') {
    if (options.group !== undefined) return sklearnGroupedRows(items(options.group), testSize, options.seed);
    return options.stratify === undefined
      ? sklearnRows(numRows, testSize, options.seed)
      : sklearnStratifiedRows(items(options.stratify), testSize, options.seed);
  }
  const key = fold(options.key ?? keyOf(options.seed), 'trainTestSplit');
  if (options.group !== undefined) return groupedRows(items(options.group), testSize, key);
  if (options.stratify !== undefined) return stratifiedRows(items(options.stratify), testSize, key);
  return plainRows(numRows, testSize, key);
}

/** By what it can do: another copy of Arquero makes tables too. */
function isTable(data: ColumnTable | Items): data is ColumnTable {
  return 'reify' in data;
}

function takeItems(data: Items, rows: Uint32Array): unknown {
  if (data instanceof Int32Array) return Int32Array.from(rows, (row) => data[row] ?? 0);
  if (data instanceof Float32Array) return Float32Array.from(rows, (row) => data[row] ?? 0);
  if (data instanceof Float64Array) return Float64Array.from(rows, (row) => data[row] ?? 0);
  return Array.from(rows, (row) => data[row]);
}
