import { fold, permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { compareValues } from './table.js';

/** The rows of each part, by their number in the whole, from 0. */
export interface SplitRows {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** How many rows are to be tested on: ⌈testSize · rows⌉, as scikit-learn counts; both parts must have one. */
export function testRows(numRows: number, testSize: number): number {
  const count = Math.ceil(testSize * numRows);
  if (testSize > 0 && testSize < 1 && count < numRows) return count;
  throw new TrainbookError({
    what: 'trainTestSplit: this leaves a part without rows',
    received: `testSize ${testSize} of ${numRows} rows`,
    expected: 'a fraction above 0 and below 1, and rows for both parts',
    fix: '0.2 is usual',
  });
}

/** Rows drawn evenly. */
export function plainRows(numRows: number, testSize: number, key: Key): SplitRows {
  const numTest = testRows(numRows, testSize);
  return parted(numRows, permutation(key, numRows).subarray(0, numTest));
}

/**
 * Rows drawn so that each class has the same share of both parts, to within one row. Whole rows are given out first, then one each to
 * the classes with the largest rests; of each class the rows are drawn by the key folded with its name.
 */
export function stratifiedRows(classes: readonly unknown[], testSize: number, key: Key): SplitRows {
  const numTest = testRows(classes.length, testSize);
  const strata = checkStrata(rowsByValue(classes, 'stratify'), numTest, classes.length - numTest);
  const ideal = strata.map(({ rows }) => (rows.length * numTest) / classes.length);
  const counts = ideal.map(Math.floor);
  const byRest = [...ideal.keys()].sort((a, b) => rest(ideal[b]) - rest(ideal[a]) || a - b);
  const owed = numTest - counts.reduce((sum, count) => sum + count, 0);
  for (const stratum of byRest.slice(0, owed)) counts[stratum] = (counts[stratum] ?? 0) + 1;
  const test = strata.flatMap(({ value, rows }, stratum) => {
    const order = permutation(fold(key, `${typeof value} ${String(value)}`), rows.length);
    return Array.from(order.subarray(0, counts[stratum]), (place) => rows[place] as number);
  });
  return parted(classes.length, test);
}

const rest = (value = 0): number => value - Math.floor(value);

/**
 * Whole groups, drawn in an order by key until they have about the share: a group goes to the test part while at least half of
 * its rows are owed to it. No group is in both parts.
 */
export function groupedRows(groups: readonly unknown[], testSize: number, key: Key): SplitRows {
  const numTest = testRows(groups.length, testSize);
  const all = rowsByValue(groups, 'group');
  const test: number[] = [];
  let numGroups = 0;
  for (const place of permutation(key, all.length)) {
    const rows = all[place]?.rows ?? [];
    if (numGroups === all.length - 1 || (numGroups > 0 && rows.length / 2 > numTest - test.length)) continue;
    for (const row of rows) test.push(row);
    numGroups++;
  }
  if (numGroups === 0) {
    throw new TrainbookError({
      what: 'trainTestSplit: one group cannot be in two parts',
      received: `${all.length} group${all.length === 1 ? '' : 's'}: ${String(all[0]?.value)}`,
      expected: 'at least two groups',
    });
  }
  return parted(groups.length, test);
}

/**
 * The latest rows are tested on, those before them trained on; rows of one time are all in the test part, if one of them is.
 */
export function latestRows(times: readonly unknown[], testSize: number): SplitRows {
  const numTest = testRows(times.length, testSize);
  refuseMissing(times, 'time');
  const values = times.map((time) => (time instanceof Date ? time.getTime() : time));
  const first = [...values].sort(compareValues)[times.length - numTest];
  const test = [...values.keys()].filter((row) => compareValues(values[row], first) >= 0);
  if (test.length === times.length) {
    throw new TrainbookError({
      what: 'trainTestSplit: no row is earlier than those to test on',
      received: `${test.length} rows from ${String(first)} on`,
      expected: 'rows of several times',
      fix: 'give a smaller testSize, or a column with finer times',
    });
  }
  return parted(times.length, test);
}

/** Rows by the value that they have, values in order. */
export function rowsByValue(
  values: readonly unknown[],
  option: string,
): readonly { readonly value: unknown; readonly rows: readonly number[] }[] {
  refuseMissing(values, option);
  const rows = new Map<unknown, number[]>();
  values.forEach((value, row) => {
    const own = value instanceof Date ? value.getTime() : value;
    const found = rows.get(own);
    if (found === undefined) rows.set(own, [row]);
    else found.push(row);
  });
  return [...rows].sort(([a], [b]) => compareValues(a, b)).map(([value, own]) => ({ value, rows: own }));
}

/** @throws TrainbookError if a class has one row, or a part fewer rows than there are classes; as scikit-learn refuses it. */
export function checkStrata<Stratum extends { readonly value: unknown; readonly rows: readonly number[] }>(
  strata: readonly Stratum[],
  numTest: number,
  numTrain: number,
): readonly Stratum[] {
  const single = strata.filter(({ rows }) => rows.length < 2);
  if (single.length === 0 && Math.min(numTest, numTrain) >= strata.length) return strata;
  throw new TrainbookError({
    what: 'trainTestSplit: these classes cannot be in both parts',
    received:
      single.length > 0
        ? `one row alone of ${single.map(({ value }) => String(value)).join(', ')}`
        : `${strata.length} classes, ${numTrain} rows to train on, ${numTest} to test on`,
    expected: 'at least two rows of each class, and as many rows in each part as there are classes',
    fix: 'drop or join rare classes, or split without stratify',
  });
}

export function refuseMissing(values: readonly unknown[], option: string, who = 'trainTestSplit'): void {
  const row = values.findIndex((value) => value === null || value === undefined || Number.isNaN(value));
  if (row < 0) return;
  throw new TrainbookError({
    what: `${who}: a value of { ${option} } is missing`,
    received: `${String(values[row])} in row ${row}`,
    expected: 'a value in each row',
    fix: 'dropMissing(table, [column])',
  });
}

/** Both parts in the order of the whole. */
function parted(numRows: number, test: Iterable<number>): SplitRows {
  const held = new Uint8Array(numRows);
  for (const row of test) held[row] = 1;
  const all = Uint32Array.from({ length: numRows }, (_, row) => row);
  return { train: all.filter((row) => held[row] === 0), test: all.filter((row) => held[row] === 1) };
}
