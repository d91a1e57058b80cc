import { compareValues } from '../data/table/table.js';
import { TrainbookError } from '../error.js';
import { checkPairs } from './pairs.js';
import type { Label } from './pairs.js';

/** How often each class was taken for each. */
export type ConfusionMatrix<L extends Label = Label> = {
  readonly labels: readonly L[];
  /** A row for each true class, a column for each predicted one, in the order of `labels`. */
  readonly counts: readonly (readonly number[])[];
};

/**
 * counts[i][j] = rows of class i that were predicted to be j.
 *
 * @param labels The classes, in this order; by default all that occur, sorted.
 * @throws TrainbookError if there is not one prediction for each truth, or a class is not among `labels`.
 * @example
 * confusionMatrix(['cat', 'dog', 'dog'], ['cat', 'dog', 'cat']).counts; // [[1, 0], [1, 1]]
 */
export function confusionMatrix<L extends Label>(
  truth: ArrayLike<L>,
  predicted: ArrayLike<L>,
  labels: readonly L[] = [...new Set([...Array.from(truth), ...Array.from(predicted)])].sort(compareValues),
): ConfusionMatrix<L> {
  checkPairs('confusionMatrix', truth, predicted);
  const places = new Map(labels.map((label, place) => [label, place]));
  const placeOf = (label: L | undefined): number => {
    const place = label === undefined ? undefined : places.get(label);
    if (place !== undefined) return place;
    throw new TrainbookError({
      what: 'confusionMatrix: a class is not among the labels',
      received: String(label),
      expected: `one of ${labels.join(', ')}`,
    });
  };
  const counts = labels.map(() => labels.map(() => 0));
  for (let row = 0; row < truth.length; row++) {
    const own = counts[placeOf(truth[row])];
    const column = placeOf(predicted[row]);
    if (own !== undefined) own[column] = (own[column] ?? 0) + 1;
  }
  return { labels, counts };
}
