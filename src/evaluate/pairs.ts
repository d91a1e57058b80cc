import { TrainbookError } from '../error.js';

/** What a classifier tells apart: the place of a class, or its name. */
export type Label = string | number | boolean;

/** @throws TrainbookError if there is not one prediction for each truth, or none at all. */
export function checkPairs(who: string, truth: ArrayLike<unknown>, predicted: ArrayLike<unknown>): void {
  if (truth.length === predicted.length && truth.length > 0) return;
  throw new TrainbookError({
    what: `${who}: truth and predictions are not of the same rows`,
    received: `${truth.length} and ${predicted.length}`,
    expected: 'at least one row, and of each a truth and a prediction',
    fix: 'leave rows of weight 0 out: they fill up the last batch',
  });
}

/** As `checkPairs`; numbers must be finite too. */
export function checkNumbers(who: string, truth: ArrayLike<number>, predicted: ArrayLike<number>): void {
  checkPairs(who, truth, predicted);
  for (const numbers of [truth, predicted]) {
    const row = Array.prototype.findIndex.call(numbers, (number: number) => !Number.isFinite(number));
    if (row < 0) continue;
    throw new TrainbookError({
      what: `${who}: a ${numbers === truth ? 'truth' : 'prediction'} is no finite number`,
      received: `${String(numbers[row])} in row ${row}`,
      expected: 'finite numbers',
    });
  }
}
