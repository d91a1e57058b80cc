import { TrainbookError } from '../error.js';

/** Two classifiers, or one before and after, on the same cases. */
export interface McNemar {
  /** Cases that only the first has right. */
  readonly onlyFirst: number;
  /** Cases that only the second has right. */
  readonly onlySecond: number;
  /** Two-sided, exact: how likely a difference as large is if both are equally good. */
  readonly pValue: number;
}

/**
 * McNemar's test, exact: of the b + c cases that only one of two has right, each is the second's with probability ½ if both are equally
 * good; p = min(1, 2 P(X ≤ min(b, c))), X ~ Binomial(b + c, ½). McNemar 1947, "Note on the sampling error of the difference between
 * correlated proportions", Psychometrika 12.
 *
 * @param first whether it has each case right
 * @param second the same of the other, in the same order
 * @throws TrainbookError if they are not of the same cases.
 * @example
 * mcNemar([true, false, false, false], [true, true, true, false]).pValue; // 0.5
 */
export function mcNemar(first: readonly boolean[], second: readonly boolean[]): McNemar {
  if (first.length !== second.length) {
    throw new TrainbookError({
      what: 'mcNemar: these are not the same cases',
      received: `${first.length} and ${second.length} cases`,
      expected: 'whether each of two has the same cases right, in the same order',
    });
  }
  const onlyFirst = first.filter((right, place) => right && second[place] === false).length;
  const onlySecond = second.filter((right, place) => right && first[place] === false).length;
  const trials = onlyFirst + onlySecond;
  // P(X = k) = exp(ln C(n, k) − n ln 2), from one k to the next.
  let logProbability = -trials * Math.LN2;
  let tail = 0;
  for (let hits = 0; hits <= Math.min(onlyFirst, onlySecond); hits++) {
    tail += Math.exp(logProbability);
    logProbability += Math.log((trials - hits) / (hits + 1));
  }
  return { onlyFirst, onlySecond, pValue: Math.min(1, 2 * tail) };
}
