import type { Group } from '../../../engine/group.js';
import { mean, deviation } from '../../reinforce/group-advantages.js';
import { weighRewards } from '../../reinforce/multi-reward.js';
import { overlongPenalty } from '../../reinforce/overlong-penalty.js';
import { gatherGroups } from './gather-groups.js';
import type { AnswerGroup } from './write-answers.js';

// Legend: [groups][answers], of the batch of all processes.

/** Numbers of answers: [groups][answers]. */
export type OfAnswers = readonly (readonly number[])[];

/** What the answers of a batch have earned. */
export interface ScoredGroups {
  /** By name; the penalty for answers that are too long is one of them, `overlong`. */
  readonly rewards: Readonly<Record<string, OfAnswers>>;
  /** How much each counts. */
  readonly weights: Readonly<Record<string, number>>;
  /** Σ w r. */
  readonly totals: OfAnswers;
  readonly numTokens: OfAnswers;
  /** 1 where a stop token ended the answer. */
  readonly stopped: OfAnswers;
}

/** How answers are scored. */
export interface Scoring {
  readonly weights: Readonly<Record<string, number>>;
  /** Tokens of an answer, at most. */
  readonly maxTokens: number;
  /** Over how many tokens before `maxTokens` a penalty rises to 1 (`overlongPenalty`). Default: there is none. */
  readonly overlongBuffer?: number | undefined;
  readonly group?: Group | undefined;
}

/** The rewards of all processes, and what they come to. */
export async function scoreGroups<Answer, Name extends string>(
  own: readonly AnswerGroup<Answer, Name>[],
  { weights, maxTokens, overlongBuffer, group }: Scoring,
): Promise<ScoredGroups> {
  const names = Object.keys(weights);
  const rows = own.map((answers) =>
    answers.map(({ rewards, tokens, stopped }) => [
      ...names.map((name) => rewards[name as Name]),
      tokens.length,
      stopped ? 1 : 0,
    ]),
  );
  const all = await gatherGroups(rows, group);
  const numbersAt = (place: number): OfAnswers => all.map((answers) => answers.map((numbers) => numbers[place] ?? NaN));
  const numTokens = numbersAt(names.length);
  const given = Object.fromEntries(names.map((name, place) => [name, numbersAt(place)]));
  const penalty = (length: number): number =>
    overlongPenalty(length, { longest: maxTokens, buffer: overlongBuffer ?? maxTokens });
  const penalties = numTokens.map((lengths) => lengths.map(penalty));
  const rewards = overlongBuffer === undefined ? given : { ...given, overlong: penalties };
  const counted = overlongBuffer === undefined ? weights : { ...weights, overlong: 1 };
  return {
    rewards,
    weights: counted,
    totals: weighRewards(rewards, counted),
    numTokens,
    stopped: numbersAt(names.length + 1),
  };
}

/** Whether the answers of a group have earned different totals. */
export function varies(totals: readonly number[]): boolean {
  return totals.some((total) => total !== totals[0]);
}

/** What is told of a step's answers: means over them. `rewardDeviation` is that of all totals. */
export function answerMetrics(
  { rewards, totals, numTokens, stopped }: ScoredGroups,
  rolloutSeconds: number,
): Record<string, number> {
  const lengths = numTokens.flat();
  const several = (totals[0]?.length ?? 0) > 1;
  return {
    reward: mean(totals.flat()),
    ...(totals.flat().length > 1 && { rewardDeviation: deviation(totals.flat()) }),
    ...Object.fromEntries(
      Object.entries(rewards).map(([name, ofAnswers]) => [`reward.${name}`, mean(ofAnswers.flat())]),
    ),
    answerTokens: mean(lengths),
    stopped: mean(stopped.flat()),
    ...(several && { varyingGroups: mean(totals.map((group) => (varies(group) ? 1 : 0))) }),
    rolloutSeconds,
    rolloutTokensPerSecond: lengths.reduce((sum, length) => sum + length, 0) / rolloutSeconds,
  };
}
