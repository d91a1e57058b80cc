import { fold, key, permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';

/** Which samples an annotator gets, one after the other. */
export interface LabelOrder {
  /** Numbers of samples, all of them. */
  readonly order: readonly number[];
  /** Those that every annotator judges; each other is for the one who comes first. */
  readonly shared: ReadonlySet<number>;
}

/**
 * The order of samples for one annotator. Of N samples ⌈share · N⌉ are shared: every annotator judges them, in one order, so that two who
 * stop early have judged the same ones. They are spread evenly among the others, whose order is the annotator's own: two who work at the same
 * time seldom meet.
 *
 * @param samples The hash of the file of samples.
 * @param share Of the samples that all annotators judge, 0 … 1.
 */
export function labelOrder(samples: string, numSamples: number, annotator: string, share: number): LabelOrder {
  const root = labelKey(samples);
  const all = Array.from(permutation(fold(root, 'samples'), numSamples));
  const numShared = Math.ceil(share * numSamples);
  const shared = all.slice(0, numShared);
  const rest = all.slice(numShared);
  const own = Array.from(permutation(fold(fold(root, 'own'), annotator), rest.length), (at) => rest[at] ?? 0);
  const order: number[] = [];
  let [numCommon, numOwn] = [0, 0];
  for (let place = 0; place < numSamples; place++) {
    const isCommon = numCommon * numSamples < (place + 1) * numShared && numCommon < numShared;
    const next = isCommon ? shared[numCommon++] : own[numOwn++];
    if (next !== undefined) order.push(next);
  }
  return { order, shared: new Set(shared) };
}

/**
 * The order in which one annotator sees the answers of a sample, from left to right: drawn by key, so that the place of an answer tells
 * nothing of who wrote it, and the same whenever it is shown again.
 *
 * @example
 * shownOrder('9e10…', '3f2a…', 'mei', 3); // [2, 0, 1]: the third answer of the file stands left
 */
export function shownOrder(samples: string, sample: string, annotator: string, numAnswers: number): readonly number[] {
  const own = fold(fold(fold(labelKey(samples), 'answers'), annotator), sample);
  return Array.from(permutation(own, numAnswers));
}

const labelKey = (samples: string): Key => fold(key('label'), samples);
