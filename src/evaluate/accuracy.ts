import { checkPairs } from './pairs.js';
import type { Label } from './pairs.js';

/**
 * The share of rows whose class was predicted.
 *
 * @throws TrainbookError if there is not one prediction for each truth, or none at all.
 * @example
 * accuracy(['cat', 'dog', 'dog'], ['cat', 'dog', 'cat']); // 0.6667
 */
export function accuracy<L extends Label>(truth: ArrayLike<L>, predicted: ArrayLike<L>): number {
  checkPairs('accuracy', truth, predicted);
  let right = 0;
  for (let row = 0; row < truth.length; row++) right += Number(truth[row] === predicted[row]);
  return right / truth.length;
}
