import type { TokenScorer } from '../../../model/log-probabilities.js';
import type { PreferencePair } from '../../../tokens/preference/preference-pair.js';

/**
 * The pairs with ln p of both answers in a frozen model, which is then no longer needed: computed once, not at each step of each epoch.
 * For `dpo` and `ipo` without `reference`.
 *
 * @throws TrainbookError if prompt and answer are longer than the model's context, or a token is none of its own.
 * @example
 * const stored = await storeReference(truncatePairs(pairs, 512), tokenScorer(model));
 */
export async function storeReference(pairs: readonly PreferencePair[], score: TokenScorer): Promise<PreferencePair[]> {
  const rows = pairs.flatMap(({ prompt, chosen, rejected }) =>
    [chosen, rejected].map((answer) => [...Array.from(prompt), ...Array.from(answer)]),
  );
  const scores = await score(rows);
  return pairs.map((pair, index) => {
    // The first token of a row has no score.
    const ofAnswer = (row: number): number =>
      Array.from(scores[row] ?? [])
        .slice(pair.prompt.length - 1)
        .reduce((sum, one) => sum + one, 0);
    return { ...pair, reference: { chosen: ofAnswer(2 * index), rejected: ofAnswer(2 * index + 1) } };
  });
}
