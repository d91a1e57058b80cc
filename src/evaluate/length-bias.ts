import type { Figure } from '../figure.js';
import { checkScored, lengthDifference, rankingAccuracy } from './ranking-accuracy.js';
import type { LengthBucket } from './ranking-accuracy.js';
import type { ScoredAnswer, ScoredPair } from './scored-pairs.js';

/** How much rewards go by length. Correlations are Pearson's, from −1 to 1; NaN where all lengths or all rewards are equal. */
export interface LengthBias {
  /** Of reward and length, over answers; an answer in several pairs counts in each. */
  readonly correlation: number;
  /** Of the difference of rewards and the difference of lengths, over pairs: what the prompt does to both is not in it. */
  readonly pairCorrelation: number;
  /** The share of pairs in which the longer answer has the higher reward, of those whose lengths differ. */
  readonly longerPreferred: number;
  /** The share of pairs in which people chose the longer answer, of the same. */
  readonly longerChosen: number;
  readonly buckets: readonly LengthBucket[];
}

/**
 * Whether a reward model takes long answers for good ones: Singhal 2023, "A Long Way to Go" (2310.03716). A model without the bias is as
 * accurate where the chosen answer is the shorter one as where it is the longer one, and prefers the longer as often as people do.
 *
 * @throws TrainbookError if there are no pairs, or a reward is not a number.
 * @example
 * const bias = lengthBias(await judgePairs(judge, heldOut));
 * await show(lengthBiasFigure(bias));
 */
export function lengthBias(pairs: readonly ScoredPair[], numBuckets = 5): LengthBias {
  checkScored('lengthBias', pairs);
  const answers: ScoredAnswer[] = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const differences = pairs.map(lengthDifference);
  const margins = pairs.map(({ chosen, rejected }) => chosen.reward - rejected.reward);
  const uneven = pairs.map((_, place) => place).filter((place) => differences[place] !== 0);
  const shareOf = (holds: (place: number) => boolean): number => uneven.filter(holds).length / uneven.length;
  const isLonger = (place: number): boolean => (differences[place] ?? 0) > 0;
  return {
    correlation: correlation(
      answers.map(({ reward }) => reward),
      answers.map(({ length }) => length),
    ),
    pairCorrelation: correlation(margins, differences),
    longerPreferred: shareOf((place) => (margins[place] ?? 0) * (differences[place] ?? 0) > 0),
    longerChosen: shareOf(isLonger),
    buckets: rankingAccuracy(pairs, numBuckets).lengths,
  };
}

/** Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²) */
function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const sumOf = (term: (dx: number, dy: number) => number): number =>
    x.reduce((sum, one, place) => sum + term(one - meanX, (y[place] ?? NaN) - meanY), 0);
  return sumOf((dx, dy) => dx * dy) / Math.sqrt(sumOf((dx) => dx * dx) * sumOf((_, dy) => dy * dy));
}

/**
 * Accuracy by how much longer the chosen answer is: flat for a model without length bias, rising for one that takes long for good.
 *
 * @example
 * await show(lengthBiasFigure(lengthBias(scored)));
 */
export function lengthBiasFigure({ buckets, pairCorrelation, correlation: ofAnswers }: LengthBias): Figure {
  const label = ({ from, to, numPairs }: LengthBucket): string =>
    `${from === to ? signed(from) : `${signed(from)} to ${signed(to)}`}<br>${numPairs} pairs`;
  return {
    title: `Accuracy by length: correlation of reward and length ${ofAnswers.toFixed(2)}, within pairs ${pairCorrelation.toFixed(2)}`,
    source: `lengthBias of ${buckets.reduce((sum, { numPairs }) => sum + numPairs, 0)} pairs`,
    data: [
      {
        type: 'bar',
        x: buckets.map(label),
        y: buckets.map(({ accuracy }) => accuracy),
        marker: { color: 'rgb(59, 110, 165)' },
        hoverinfo: 'y',
        name: 'accuracy',
      },
    ],
    layout: {
      // Labels have two lines, so the title begins with an empty one.
      xaxis: { title: { text: '<br>tokens of the chosen answer less those of the rejected one' }, type: 'category' },
      margin: { l: 56, r: 16, t: 24, b: 72 },
      yaxis: { title: { text: 'share of pairs ranked as people do' }, range: [0, 1] },
      shapes: [
        {
          type: 'line',
          xref: 'paper',
          x0: 0,
          x1: 1,
          y0: 0.5,
          y1: 0.5,
          line: { dash: 'dot', color: 'rgb(128, 136, 148)' },
        },
      ],
      showlegend: false,
    },
  };
}

function signed(number: number): string {
  return number > 0 ? `+${number}` : String(number).replace('-', '−');
}
