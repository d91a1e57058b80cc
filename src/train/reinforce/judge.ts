import { TrainbookError } from '../../error.js';
import { scoreAnswers } from './reward.js';
import type { Reward, RewardSample } from './reward.js';

/** A reward of many answers at once, such as a reward model's or another program's, which may take its time. */
export interface Judge<Answer = string> {
  /** One number for each sample, in their order; the same for the same sample, whatever stands beside it. */
  readonly judge: (samples: readonly RewardSample<Answer>[]) => Promise<readonly number[]>;
}

/** Rewards by name: functions of one answer, and judges of many. */
export type JudgedRewards<Name extends string, Answer = string> = Readonly<
  Record<Name, Reward<Answer> | Judge<Answer>>
>;

/**
 * Every reward of every sample: { name: [numSamples] }, in the order of the samples: `scoreAnswers`, with judges among the rewards.
 *
 * @throws TrainbookError that names the reward and the sample, if one throws or gives what is no finite number.
 * @example
 * const judge: Judge = { judge: async (samples) => scores(samples.map(({ completion }) => completion)) };
 * const { correct, liked } = await judgeAnswers({ correct: exactAnswer(), liked: judge }, samples);
 */
export async function judgeAnswers<Name extends string, Answer>(
  rewards: JudgedRewards<Name, Answer>,
  samples: readonly RewardSample<Answer>[],
): Promise<Record<Name, number[]>> {
  const scores: Record<string, number[]> = {};
  for (const [name, reward] of Object.entries<Reward<Answer> | Judge<Answer>>(rewards)) {
    const given = typeof reward === 'function' ? reward : await judged(name, reward, samples);
    Object.assign(scores, scoreAnswers({ [name]: given }, samples));
  }
  return scores;
}

/** What a judge said, as a reward of each sample: so that a number which is none is told as any other reward's. */
async function judged<Answer>(
  name: string,
  { judge }: Judge<Answer>,
  samples: readonly RewardSample<Answer>[],
): Promise<Reward<Answer>> {
  let said: readonly number[];
  try {
    said = await judge(samples);
  } catch (cause) {
    throw new TrainbookError({
      what: `reward ${name} has thrown`,
      received: cause instanceof Error ? cause.message : String(cause),
      expected: `a promise of a finite number for each of ${samples.length} samples`,
      cause,
    });
  }
  if (said.length !== samples.length) {
    throw new TrainbookError({
      what: `reward ${name} does not judge each sample once`,
      received: `${said.length} numbers`,
      expected: `${samples.length}, one for each sample in their order`,
    });
  }
  const bySample = new Map(samples.map((sample, index) => [sample, said[index] ?? NaN]));
  return (sample) => bySample.get(sample) ?? NaN;
}
