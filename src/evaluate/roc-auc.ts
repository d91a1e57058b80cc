import { TrainbookError } from '../error.js';
import { checkPairs } from './pairs.js';

/**
 * The area under the ROC curve of a binary classifier: the probability that a positive row has a higher score than a negative one,
 * equal scores counting one half,
 *
 *   AUC = (Σ ranks of the positives − p (p + 1) / 2) / (p · n),
 *
 * with mean ranks among equal scores. Hanley, McNeil 1982, "The meaning and use of the area under a ROC curve".
 *
 * @param truth true or 1 for positive rows, false or 0 for the others.
 * @param scores The larger, the likelier positive: probabilities or logits.
 * @throws TrainbookError if rows are all of one class, a truth is another number, or a score is NaN.
 * @example
 * rocAuc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]); // 0.75
 */
export function rocAuc(truth: ArrayLike<number | boolean>, scores: ArrayLike<number>): number {
  checkPairs('rocAuc', truth, scores);
  const rows = Array.from({ length: truth.length }, (_, row) => ({
    isPositive: Number(truth[row]),
    score: scores[row] ?? NaN,
  }));
  const wrong = rows.find(({ isPositive, score }) => ![0, 1].includes(isPositive) || Number.isNaN(score));
  const numPositive = rows.reduce((sum, { isPositive }) => sum + isPositive, 0);
  const numNegative = rows.length - numPositive;
  if (wrong !== undefined || numPositive === 0 || numNegative === 0) {
    throw new TrainbookError({
      what: 'rocAuc: there is no curve of these rows',
      received:
        wrong === undefined
          ? `${numPositive} positive and ${numNegative} negative rows`
          : `truth ${wrong.isPositive}, score ${wrong.score}`,
      expected: 'truths 0 and 1, of both at least one, and scores that are numbers',
    });
  }
  rows.sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0));
  let rankSum = 0;
  for (let first = 0, next = 0; first < rows.length; first = next) {
    let positives = 0;
    while (next < rows.length && rows[next]?.score === rows[first]?.score) positives += rows[next++]?.isPositive ?? 0;
    rankSum += positives * ((first + 1 + next) / 2); // ranks first + 1 … next have this mean
  }
  return (rankSum - (numPositive * (numPositive + 1)) / 2) / (numPositive * numNegative);
}
