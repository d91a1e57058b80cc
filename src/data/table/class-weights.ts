import { TrainbookError } from '../../error.js';
import type { Labels } from './labels.js';
import type { Train } from './part.js';

/**
 * weight of a class = rows / (classes · rows of the class), so that all classes weigh the same in a sum over rows: scikit-learn's
 * `class_weight='balanced'` (King, Zeng 2001, "Logistic regression in rare events data").
 *
 * @returns a weight for each class, in the order of `classes`.
 * @throws TrainbookError if a class has no row.
 * @example
 * const weights = rowWeights(y, balancedClassWeights(y));
 */
export function balancedClassWeights({ classes, indices }: Train<Labels>): readonly number[] {
  const counts = new Array<number>(classes.length).fill(0);
  for (const index of indices) counts[index] = (counts[index] ?? 0) + 1;
  const empty = counts.indexOf(0);
  if (empty >= 0 || counts.length === 0) {
    throw new TrainbookError({
      what: 'balancedClassWeights: a class has no row',
      received: String(classes[empty]),
      expected: 'rows of each class',
      fix: 'split with { stratify }, or leave the class out',
    });
  }
  return counts.map((count) => indices.length / (classes.length * count));
}

/** The weight of each row, that of its class: for `tableLoader`. [rows] */
export function rowWeights({ indices }: Labels, classWeights: readonly number[]): Float32Array {
  return Float32Array.from(indices, (index) => classWeights[index] ?? 0);
}
