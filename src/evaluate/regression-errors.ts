import { TrainbookError } from '../error.js';
import { checkNumbers } from './pairs.js';

/**
 * Σ |y − ŷ| / n, in the unit of y.
 *
 * @throws TrainbookError if there is not one prediction for each truth, none at all, or one that is not finite.
 * @example
 * meanAbsoluteError([3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.5
 */
export function meanAbsoluteError(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return meanOver('meanAbsoluteError', truth, predicted, Math.abs);
}

/** Σ (y − ŷ)² / n, in the unit of y squared. Errors as `meanAbsoluteError`. */
export function meanSquaredError(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return meanOver('meanSquaredError', truth, predicted, (error) => error ** 2);
}

/**
 * R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)²: 1 for perfect predictions, 0 for those no better than the mean, below 0 for worse. If all truths
 * are equal, 1 if the predictions are too, else 0, as scikit-learn has it.
 *
 * @throws TrainbookError for fewer than two rows, and as `meanAbsoluteError` does.
 * @example
 * rSquared([3, -0.5, 2, 7], [2.5, 0, 2, 8]); // 0.9486
 */
export function rSquared(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  if (truth.length === 1 && predicted.length === 1) {
    throw new TrainbookError({ what: 'rSquared: one row has no variance', received: 1, expected: 'at least two rows' });
  }
  const error = meanOver('rSquared', truth, predicted, (difference) => difference ** 2);
  const mean = Array.from(truth).reduce((sum, value) => sum + value, 0) / truth.length;
  const variance = Array.from(truth).reduce((sum, value) => sum + (value - mean) ** 2, 0) / truth.length;
  if (variance === 0) return error === 0 ? 1 : 0;
  return 1 - error / variance;
}

function meanOver(
  who: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  measure: (error: number) => number,
): number {
  checkNumbers(who, truth, predicted);
  let sum = 0;
  for (let row = 0; row < truth.length; row++) sum += measure((truth[row] ?? NaN) - (predicted[row] ?? NaN));
  return sum / truth.length;
}
