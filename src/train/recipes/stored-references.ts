import * as tf from '@tensorflow/tfjs';
import type { CompileOptions } from '../../engine/compile.js';
import type { Group } from '../../engine/group.js';
import { withPrecision } from '../../engine/precision.js';
import type { Precision } from '../../engine/precision.js';
import { tokenScorer } from '../../model/log-probabilities.js';
import type { Model } from '../../model/model.js';
import { pairLength } from '../../tokens/preference/preference-pair.js';
import type { PreferencePair } from '../../tokens/preference/preference-pair.js';
import { storeReference } from '../objectives/preference/store-reference.js';

/** How answers are scored: as the steps compute. */
export interface ScoringOptions {
  readonly precision: Precision;
  readonly target?: CompileOptions['target'] | undefined;
  readonly group?: Group | undefined;
}

/** Pairs whose answers are scored in one forward pass. */
const scoredTogether = 4;

/**
 * Lists of pairs with ln p of their answers in a frozen model; a list that brings such numbers keeps them.
 *
 * In a group each member computes a part. Which pairs go through the model together does not depend on the number of members, so that a
 * run may go on with another one.
 */
export async function storedReferences(
  sets: readonly (readonly PreferencePair[])[],
  reference: Model,
  { precision, target, group }: ScoringOptions,
): Promise<(readonly PreferencePair[])[]> {
  const all = sets.flatMap((set) => (set[0]?.reference === undefined ? set : []));
  if (all.length === 0) return [...sets];
  const score = tokenScorer(reference, { batchSize: 2 * scoredTogether, target });
  // Those of a length together: rows are filled up to the longest beside them.
  const inOrder = all.map((pair, place) => ({ pair, place })).sort((a, b) => pairLength(a.pair) - pairLength(b.pair));
  const found = new Float32Array(2 * all.length);
  for (let start = 0; start < inOrder.length; start += scoredTogether) {
    if ((start / scoredTogether) % (group?.size ?? 1) !== (group?.index ?? 0)) continue;
    const chunk = inOrder.slice(start, start + scoredTogether);
    const pairs = chunk.map(({ pair }) => pair);
    // Its one forward pass is asked for before anything is awaited, so it has the precision that steps have.
    const stored = await withPrecision(precision, () => storeReference(pairs, score));
    stored.forEach((pair, index) => {
      found.set([pair.reference?.chosen ?? NaN, pair.reference?.rejected ?? NaN], 2 * (chunk[index]?.place ?? 0));
    });
  }
  const numbers = await summed(found, group);
  let next = 0;
  return sets.map((set) =>
    set.map((pair) => {
      if (pair.reference !== undefined) return pair;
      const place = 2 * next++;
      return { ...pair, reference: { chosen: numbers[place] ?? NaN, rejected: numbers[place + 1] ?? NaN } };
    }),
  );
}

/** Each member of a group has found other numbers, and 0 in place of the rest. */
async function summed(own: Float32Array, group: Group | undefined): Promise<ArrayLike<number>> {
  if (group === undefined || group.size === 1) return own;
  const tensor = tf.tensor1d(own);
  const [sum] = await group.allReduce([tensor], 'sum');
  const numbers = (await sum?.data()) ?? [];
  tf.dispose([tensor, ...(sum ? [sum] : [])]);
  return numbers;
}
