import { TrainbookError } from '../error.js';
import type { ScoredPair } from './scored-pairs.js';

/** Hits among so many pairs. */
export interface PairAccuracy {
  readonly numPairs: number;
  /** The share of pairs whose chosen answer has the higher reward; a tie is no hit. */
  readonly accuracy: number;
}

/** Accuracy of pairs whose lengths differ by so much. */
export interface LengthBucket extends PairAccuracy {
  /** Tokens of the chosen answer less those of the rejected one, of the pairs of the bucket: the least, and the most. */
  readonly from: number;
  readonly to: number;
}

export interface RankingAccuracy extends PairAccuracy {
  readonly dimensions: Readonly<Record<string, PairAccuracy>>;
  /** By difference of lengths, rising: buckets of about as many pairs each; pairs of one difference are never parted. */
  readonly lengths: readonly LengthBucket[];
}

/**
 * The share of pairs that are ranked as people rank them: of all, by dimension, and by the difference of the answers' lengths.
 *
 * @param numBuckets how many buckets of lengths there are at most
 * @throws TrainbookError if there are no pairs, or a reward is not a number.
 * @example
 * const { accuracy, dimensions, lengths } = rankingAccuracy(await judgePairs(judge, heldOut));
 */
export function rankingAccuracy(pairs: readonly ScoredPair[], numBuckets = 5): RankingAccuracy {
  checkScored('rankingAccuracy', pairs);
  const names = [...new Set(pairs.map(({ dimension }) => dimension))];
  return {
    ...accuracyOf(pairs),
    dimensions: Object.fromEntries(
      names.map((name) => [name, accuracyOf(pairs.filter(({ dimension }) => dimension === name))]),
    ),
    lengths: bucketsOf(pairs, numBuckets).map((bucket) => {
      const differences = bucket.map(lengthDifference);
      return { ...accuracyOf(bucket), from: differences[0] ?? NaN, to: differences.at(-1) ?? NaN };
    }),
  };
}

/** Tokens of the chosen answer less those of the rejected one. */
export function lengthDifference({ chosen, rejected }: ScoredPair): number {
  return chosen.length - rejected.length;
}

function accuracyOf(pairs: readonly ScoredPair[]): PairAccuracy {
  const hits = pairs.filter(({ chosen, rejected }) => chosen.reward > rejected.reward).length;
  return { numPairs: pairs.length, accuracy: hits / pairs.length };
}

/** A bucket ends where it has its share of the pairs, and the next pair has another difference. */
function bucketsOf(pairs: readonly ScoredPair[], numBuckets: number): ScoredPair[][] {
  const inOrder = [...pairs].sort((a, b) => lengthDifference(a) - lengthDifference(b));
  const buckets: ScoredPair[][] = [[]];
  inOrder.forEach((pair, place) => {
    const before = inOrder[place - 1];
    const isFull = place >= (buckets.length * inOrder.length) / numBuckets;
    const isOther = before !== undefined && lengthDifference(before) !== lengthDifference(pair);
    if (isFull && isOther) buckets.push([]);
    buckets.at(-1)?.push(pair);
  });
  return buckets;
}

/** @throws TrainbookError if there is nothing to measure. */
export function checkScored(what: string, pairs: readonly ScoredPair[]): void {
  const wrong = pairs.findIndex(({ chosen, rejected }) => !Number.isFinite(chosen.reward - rejected.reward));
  if (pairs.length > 0 && wrong < 0) return;
  throw new TrainbookError({
    what: pairs.length === 0 ? `${what}: there are no pairs` : `${what}: pair ${wrong} has a reward that is no number`,
    received: pairs.length === 0 ? '[]' : JSON.stringify(pairs[wrong]),
    expected: 'at least one pair, with finite rewards',
  });
}
