import type { Table } from '../../../figure.js';
import type { RewardSample } from '../../reinforce/reward.js';

/** An answer of a step, as it is shown. */
export interface ReinforceSample<Answer = string, Name extends string = string> extends RewardSample<Answer> {
  /** The number of its problem among all. */
  readonly problem: number;
  readonly numTokens: number;
  /** Whether a stop token ended it; else it was cut off. */
  readonly stopped: boolean;
  readonly rewards: Readonly<Record<Name, number>>;
  /** What the rewards come to, as they are weighed. */
  readonly reward: number;
  /** What it was worth beside the others; with PPO the mean over its tokens. */
  readonly advantage: number;
}

/** Samples of a step. */
export interface KeptSamples<Answer = string, Name extends string = string> {
  readonly step: number;
  readonly samples: readonly ReinforceSample<Answer, Name>[];
}

/** How samples are shown. */
export interface SamplesTableOptions {
  /** Answers of each step: those of highest and of lowest reward, in turn. Default: 4. */
  readonly perStep?: number;
}

/**
 * Samples as a table: what earns most, and what earns least, at each step that was kept. A reward that is earned by something else than
 * what it was made for shows in its first rows.
 *
 * @example
 * const kept: KeptSamples[] = [];
 * await reinforce(model, { …, onSamples: (step, samples) => kept.push({ step, samples }), samplesEvery: 20 });
 * const table = samplesTable(kept);
 */
export function samplesTable<Answer, Name extends string>(
  kept: readonly KeptSamples<Answer, Name>[],
  { perStep = 4 }: SamplesTableOptions = {},
): Table {
  const names = [...new Set(kept.flatMap(({ samples }) => samples.flatMap(({ rewards }) => Object.keys(rewards))))];
  return {
    title: 'Samples',
    columns: ['step', 'prompt', 'completion', 'reward', ...names, 'advantage'],
    rows: kept.flatMap(({ step, samples }) =>
      highestAndLowest(samples, perStep).map(({ prompt, completion, reward, rewards, advantage }) => [
        step,
        prompt,
        completion,
        reward,
        ...names.map((name) => rewards[name as Name]),
        advantage,
      ]),
    ),
  };
}

/** Of the highest the first, of the lowest the first, the second of each, …; in the order of their rewards. */
function highestAndLowest<Sample extends { readonly reward: number }>(
  samples: readonly Sample[],
  number: number,
): Sample[] {
  const sorted = [...samples].sort((a, b) => b.reward - a.reward);
  if (sorted.length <= number) return sorted;
  const top = Math.ceil(number / 2);
  return [...sorted.slice(0, top), ...sorted.slice(sorted.length - (number - top))];
}
