import { fold } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { AnswerTokens, Rollouts } from '../../../model/rollout.js';
import type { Chat } from '../../../tokens/chat.js';
import type { Order } from '../../../tokens/chat-template.js';
import type { Tokenizer } from '../../../tokens/tokenizer.js';
import { judgeAnswers } from '../../reinforce/judge.js';
import type { JudgedRewards } from '../../reinforce/judge.js';
import type { RewardSample } from '../../reinforce/reward.js';
import type { EncodedProblem } from '../problems.js';
import type { ProblemBatch } from './problems.js';

/** An answer of the policy, and what each reward says of it. */
export interface WrittenAnswer<Answer, Name extends string> extends AnswerTokens {
  /** The number of its problem among all. */
  readonly problem: number;
  readonly prompt: Int32Array;
  readonly sample: RewardSample<Answer>;
  readonly rewards: Readonly<Record<Name, number>>;
}

/** The answers to one problem. */
export type AnswerGroup<Answer, Name extends string> = readonly WrittenAnswer<Answer, Name>[];

/** Writes answers to problems with the weights of the moment, and has them judged: a group for each problem. */
export type WriteAnswers<Weights, Answer, Name extends string> = (
  weights: Weights,
  problems: ProblemBatch,
  step: number,
) => Promise<AnswerGroup<Answer, Name>[]>;

export interface WriteOptions<Weights, O extends Order, Answer, Name extends string> {
  readonly rollouts: Rollouts<Weights>;
  readonly chat: Chat<O>;
  readonly problems: readonly EncodedProblem<Answer>[];
  readonly rewards: JudgedRewards<Name, Answer>;
  /** Answers to each problem. */
  readonly groupSize: number;
  readonly key: Key;
}

/**
 * Answer a to the problem at place p of step s is drawn with the key folded with s and with p · groupSize + a: it is the same whichever
 * process writes it.
 */
export function answerWriter<Weights, O extends Order, Answer, Name extends string>({
  rollouts,
  chat,
  problems,
  rewards,
  groupSize,
  key,
}: WriteOptions<Weights, O, Answer, Name>): WriteAnswers<Weights, Answer, Name> {
  const members = Array.from({ length: groupSize }, (_, member) => member);
  return async (weights, { rows, places, prompts }, step) => {
    const written = await rollouts.write(
      weights,
      prompts.flatMap((prompt) => members.map(() => prompt)),
      fold(key, step),
      places.flatMap((place) => members.map((member) => place * groupSize + member)),
    );
    const samples = written.map((rollout, index): RewardSample<Answer> => {
      const problem = problems[rows[Math.floor(index / groupSize)] ?? NaN];
      if (problem === undefined) throw new Error('internal: an answer without a problem');
      return { prompt: problem.text, completion: completionOf(chat.tokenizer, rollout), answer: problem.answer };
    });
    const scores = await judgedAt(step, () => judgeAnswers(rewards, samples));
    return rows.map((problem, group) =>
      members.map((member) => {
        const index = group * groupSize + member;
        const [rollout, sample, prompt] = [written[index], samples[index], prompts[group]];
        if (rollout === undefined || sample === undefined || prompt === undefined) {
          throw new Error('internal: fewer answers than were asked for');
        }
        return { ...rollout, problem, prompt, sample, rewards: scoresOf(scores, index) };
      }),
    );
  };
}

/** The text of an answer: without its end, and without tokens that the tokenizer does not know. */
export function completionOf(tokenizer: Tokenizer, { tokens, stopped }: AnswerTokens): string {
  const written = stopped ? tokens.subarray(0, -1) : tokens;
  return tokenizer.decode(written.filter((token) => tokenizer.token(token) !== undefined));
}

function scoresOf<Name extends string>(scores: Record<Name, number[]>, index: number): Record<Name, number> {
  return Object.fromEntries(
    Object.entries<number[]>(scores).map(([name, ofSamples]) => [name, ofSamples[index] ?? NaN]),
  ) as Record<Name, number>;
}

/** @throws TrainbookError, that of the reward, with the step. */
export async function judgedAt<R>(step: number | string, judge: () => Promise<R>): Promise<R> {
  try {
    return await judge();
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    const where = typeof step === 'number' ? `step ${step}` : step;
    throw new TrainbookError({ ...error.parts, what: `reinforce, ${where}: ${error.parts.what}` });
  }
}
