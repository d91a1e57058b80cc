import { key } from '../../../engine/key.js';
import type { Group } from '../../../engine/group.js';
import type { Rollouts } from '../../../model/rollout.js';
import type { Chat } from '../../../tokens/chat.js';
import type { Order } from '../../../tokens/chat-template.js';
import { judgeAnswers } from '../../reinforce/judge.js';
import type { JudgedRewards } from '../../reinforce/judge.js';
import type { RewardSample } from '../../reinforce/reward.js';
import { sumTogether } from './gather-groups.js';
import type { EncodedProblem } from '../problems.js';
import { completionOf, judgedAt } from './write-answers.js';

export interface EvaluateOptions<Weights, O extends Order, Answer, Name extends string> {
  /** Greedy. */
  readonly rollouts: Rollouts<Weights>;
  readonly chat: Chat<O>;
  readonly problems: readonly EncodedProblem<Answer>[];
  readonly rewards: JudgedRewards<Name, Answer>;
  readonly weights: Readonly<Record<Name, number>>;
  readonly group: Group | undefined;
}

/**
 * The mean of each reward over held-out problems, which the policy answers with its likeliest tokens: `heldOut.correct`, …, and of what
 * they come to, `heldOutReward`. Processes share the problems.
 */
export function answerEvaluation<Weights, O extends Order, Answer, Name extends string>({
  rollouts,
  chat,
  problems,
  rewards,
  weights,
  group,
}: EvaluateOptions<Weights, O, Answer, Name>): (values: Weights) => Promise<Record<string, number>> {
  const { index = 0, size = 1 } = group ?? {};
  const own = problems.filter((_, place) => place % size === index);
  const names = Object.keys(weights) as Name[];
  return async (values) => {
    const prompts = own.map(({ tokens }) => tokens);
    const written = prompts.length === 0 ? [] : await rollouts.write(values, prompts, key(0)); // greedy: nothing is drawn
    const samples = written.map((rollout, place): RewardSample<Answer> => {
      const problem = own[place];
      if (problem === undefined) throw new Error('internal: an answer without a problem');
      return { prompt: problem.text, completion: completionOf(chat.tokenizer, rollout), answer: problem.answer };
    });
    const scores = await judgedAt('evaluation', () => judgeAnswers(rewards, samples));
    const sums = names.map((name) => scores[name].reduce((sum, score) => sum + score, 0));
    const means = (await sumTogether(sums, group)).map((sum) => sum / problems.length);
    return {
      ...Object.fromEntries(names.map((name, place) => [`heldOut.${name}`, means[place] ?? NaN])),
      heldOutReward: names.reduce((total, name, place) => total + weights[name] * (means[place] ?? NaN), 0),
    };
  };
}
