import type { RewardModel } from '../model/reward-model.js';
import { textScorer } from '../model/score-texts.js';
import type { ScoringOptions } from '../model/score-texts.js';
import { pairsOfRanks } from '../tokens/preference/ranked-answers.js';
import type { RankedAnswers } from '../tokens/preference/ranked-answers.js';

/** An answer as a reward model sees it. */
export interface ScoredAnswer {
  readonly reward: number;
  /** In tokens, without the prompt. */
  readonly length: number;
}

/** Two answers to one prompt, of which people liked `chosen` better in a dimension, and its reward of both. */
export interface ScoredPair {
  readonly dimension: string;
  readonly chosen: ScoredAnswer;
  readonly rejected: ScoredAnswer;
}

/**
 * What a reward model says of all pairs of rankings, each in its own dimension; each answer is read once. `rankingAccuracy`, `lengthBias`
 * and `calibration` look at it.
 *
 * @throws TrainbookError if a text is empty or longer than the trunk's context.
 * @example
 * const scored = await judgePairs(judge, heldOut);
 * rankingAccuracy(scored).accuracy; // 0.71
 */
export async function judgePairs(
  model: RewardModel,
  rankings: readonly RankedAnswers[],
  options: ScoringOptions = {},
): Promise<readonly ScoredPair[]> {
  const texts = rankings.flatMap(({ prompt, answers }) =>
    answers.map((answer) => [...Array.from(prompt), ...Array.from(answer)]),
  );
  const rewards = await textScorer(model, options)(texts);
  let first = 0;
  return rankings.flatMap(({ answers, ranks }) => {
    const own = rewards.slice(first, (first += answers.length));
    return Object.entries(ranks).flatMap(([dimension, of]) => {
      const answer = (at: number): ScoredAnswer => ({
        reward: own[at]?.dimensions[dimension] ?? NaN,
        length: answers[at]?.length ?? NaN,
      });
      return pairsOfRanks(of).map(([better, worse]) => ({
        dimension,
        chosen: answer(better),
        rejected: answer(worse),
      }));
    });
  });
}
