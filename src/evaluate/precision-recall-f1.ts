import { confusionMatrix } from './confusion-matrix.js';
import type { Label } from './pairs.js';

/** Three scores from 0 to 1. */
export type PrecisionRecallF1 = {
  /** Of the rows that were predicted to be of the class, the share that are. */
  readonly precision: number;
  /** Of the rows of the class, the share that were predicted to be. */
  readonly recall: number;
  /** The harmonic mean of both. */
  readonly f1: number;
};

export type ClassificationReport<L extends Label = Label> = {
  /** `support`: the rows of the class. */
  readonly classes: readonly ({ readonly label: L; readonly support: number } & PrecisionRecallF1)[];
  /** The mean over classes: rare ones count as much as frequent ones. */
  readonly macro: PrecisionRecallF1;
  /** Of all rows together. */
  readonly micro: PrecisionRecallF1;
  /** The mean over classes, each weighted by its rows. */
  readonly weighted: PrecisionRecallF1;
};

export interface PrecisionRecallF1Options<L extends Label> {
  /** The classes, in this order; by default all that occur, sorted. */
  readonly labels?: readonly L[];
  /** What 0 / 0 is: 0 by default; left out, it is NaN for the class and does not count in the means. */
  readonly zeroDivision?: 0 | 1 | 'left out';
}

/**
 * precision = tp / (tp + fp), recall = tp / (tp + fn), F1 = 2 tp / (2 tp + fp + fn), for each class and three means; equal to
 * scikit-learn's `precision_recall_fscore_support`. van Rijsbergen 1979, "Information Retrieval", chapter 7.
 *
 * @throws TrainbookError if there is not one prediction for each truth, or a class is not among `labels`.
 * @example
 * const { weighted } = precisionRecallF1(truth, predicted);
 * weighted.f1;
 */
export function precisionRecallF1<L extends Label>(
  truth: ArrayLike<L>,
  predicted: ArrayLike<L>,
  { labels, zeroDivision = 0 }: PrecisionRecallF1Options<L> = {},
): ClassificationReport<L> {
  const matrix = confusionMatrix(truth, predicted, labels);
  const tallies = matrix.labels.map((label, place) => ({
    label,
    hits: matrix.counts[place]?.[place] ?? 0,
    support: sum(matrix.counts[place] ?? []),
    numPredicted: sum(matrix.counts.map((row) => row[place] ?? 0)),
  }));
  const share = (part: number, whole: number): number =>
    whole > 0 ? part / whole : zeroDivision === 'left out' ? NaN : zeroDivision;
  const score = (hits: number, support: number, numPredicted: number): PrecisionRecallF1 => ({
    precision: share(hits, numPredicted),
    recall: share(hits, support),
    f1: share(2 * hits, support + numPredicted),
  });
  const scores = tallies.map(({ hits, support, numPredicted }) => score(hits, support, numPredicted));
  const supports = tallies.map(({ support }) => support);
  return {
    classes: tallies.map(({ label, support, hits, numPredicted }) => ({
      label,
      ...score(hits, support, numPredicted),
      support,
    })),
    macro: mean(
      scores,
      scores.map(() => 1),
    ),
    micro: score(sum(tallies.map(({ hits }) => hits)), sum(supports), sum(tallies.map((tally) => tally.numPredicted))),
    weighted: mean(scores, supports),
  };
}

/** Each score's mean over the classes in which it is a number. */
function mean(scores: readonly PrecisionRecallF1[], weights: readonly number[]): PrecisionRecallF1 {
  const of = (name: keyof PrecisionRecallF1): number => {
    const counted = scores.flatMap((score, place) =>
      Number.isNaN(score[name]) ? [] : [{ score: score[name], weight: weights[place] ?? 0 }],
    );
    const total = sum(counted.map(({ weight }) => weight));
    return total > 0
      ? sum(counted.map(({ score, weight }) => score * weight)) / total
      : sum(counted.map(({ score }) => score)) / counted.length;
  };
  return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
