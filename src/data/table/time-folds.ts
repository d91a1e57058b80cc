// Six times in three folds, rows to train on before rows to test on (▪ train, □ test):
//   1  ▪ ▪ ▪ □ · ·
//   2  ▪ ▪ ▪ ▪ □ ·
//   3  ▪ ▪ ▪ ▪ ▪ □
import type { ColumnTable } from 'arquero';
import { TrainbookError } from '../../error.js';
import type { OfTest } from './part.js';
import { refuseMissing } from './split-rows.js';
import { compareValues } from './table.js';
import { itemsBy, partsOf } from './train-test-split.js';
import type { By, Items, TrainTest, Whole } from './train-test-split.js';

export interface TimeFoldsOptions<T> {
  /** The time of each row: numbers, dates, or strings that sort as they follow (ISO 8601). */
  readonly time: By<T>;
  /** How many times the model is trained and tested. */
  readonly folds: number;
  /** Rows left out between training and testing, where neighbours in time know of each other. Default: 0. */
  readonly gap?: number;
}

/**
 * Trains on the past and tests on what follows, again and again: of n rows in the order of time, the last `folds` blocks of ⌊n / (folds + 1)⌋
 * rows are tested on in turn, each after training on all rows before it. As scikit-learn's `TimeSeriesSplit`, and its very rows where no
 * two have one time; rows of one time are never divided: they are in the later block, all of them.
 *
 * @throws TrainbookError if a fold would have no row to train on or to test on, or a time is missing.
 * @example
 * for (const { train, test } of timeFolds(loans, { time: 'issued', folds: 5 })) { … }
 */
export function timeFolds<T extends ColumnTable | Items>(
  data: T extends OfTest ? never : T,
  options: TimeFoldsOptions<T>,
): readonly TrainTest<Whole<T>>[];
export function timeFolds(
  data: ColumnTable | Items,
  { time, folds, gap = 0 }: TimeFoldsOptions<ColumnTable> | TimeFoldsOptions<Items>,
): readonly TrainTest<unknown>[] {
  const given = itemsBy('timeFolds', data, time);
  refuseMissing(given, 'time', 'timeFolds');
  const times = given.map((value) => (value instanceof Date ? value.getTime() : value));
  const order = [...times.keys()].sort((a, b) => compareValues(times[a], times[b]) || a - b);
  const size = Math.floor(order.length / (folds + 1));
  const startOf = (fold: number): number => {
    let start = order.length - (folds - fold) * size;
    const own = times[order[start] ?? 0];
    while (start > 0 && start < order.length && compareValues(times[order[start - 1] ?? 0], own) === 0) start--;
    return start;
  };
  if (!Number.isInteger(folds) || folds < 1 || !Number.isInteger(gap) || gap < 0 || size === 0) {
    throw new TrainbookError({
      what: 'timeFolds: no such folds',
      received: `${folds} folds of ${order.length} rows, ${gap} rows between training and testing`,
      expected: 'at least one fold, a row for each of folds + 1 blocks, and a gap of 0 or more',
    });
  }
  return Array.from({ length: folds }, (_, fold) => {
    const [start, end] = [startOf(fold), startOf(fold + 1)];
    const train = order.slice(0, Math.max(start - gap, 0));
    const test = order.slice(start, end);
    if (train.length === 0 || test.length === 0) {
      throw new TrainbookError({
        what: `timeFolds: fold ${fold + 1} has no row to ${train.length === 0 ? 'train' : 'test'} on`,
        received: `${folds} folds of ${order.length} rows, ${gap} rows between`,
        expected: 'rows of several times in each block',
        fix: 'ask for fewer folds or a smaller gap, or give finer times',
      });
    }
    return partsOf(data, { train: Uint32Array.from(train), test: Uint32Array.from(test) });
  });
}
