import { fold } from '../../../engine/key.js';
import type { Model } from '../../../model/model.js';
import { decoderPolicy } from '../../../model/policy.js';
import type { AnswerTokens, Rollouts, startRollouts } from '../../../model/rollout.js';
import type { DecoderWeights } from '../../../model/weights.js';
import type { Order } from '../../../tokens/chat-template.js';
import type { SelfImproveOptions } from '../self-improve.js';
import type { EncodedProblem } from '../problems.js';
import { writeAnswers } from './write-answers.js';

/** What writes answers by the weights that it is given. */
export interface Writers<Answer> {
  drawn(weights: DecoderWeights, problems: readonly EncodedProblem<Answer>[], round: number): Promise<AnswerTokens[][]>;
  greedy(weights: DecoderWeights, problems: readonly EncodedProblem<Answer>[]): Promise<AnswerTokens[][]>;
  dispose(): void;
}

/** Answers by the weights of any round: what is compiled serves all of them. */
export function writersOf<O extends Order, Answer>(
  writing: typeof startRollouts,
  { architecture }: Model,
  options: SelfImproveOptions<O, Answer>,
): Writers<Answer> {
  const {
    chat,
    maxTokens,
    temperature = 1,
    answersPerProblem,
    rolloutBatch = 64,
    key,
    group,
    signal,
    target,
  } = options;
  const plan = { batchSize: rolloutBatch, maxTokens, stops: chat.stops, target };
  const drawn = writing(decoderPolicy(architecture), { ...plan, temperature });
  const greedy = writing(decoderPolicy(architecture), { ...plan, temperature: 0 });
  const write = (rollouts: Rollouts<DecoderWeights>, each: number) => {
    const promptsAtOnce = Math.max(1, Math.ceil((batchesAtOnce * rolloutBatch) / each));
    return (
      weights: DecoderWeights,
      problems: readonly EncodedProblem<Answer>[],
      round: number,
    ): Promise<AnswerTokens[][]> => {
      const prompts = problems.map(({ tokens }) => tokens);
      const own = fold(fold(key, 'answers'), round);
      return writeAnswers({ rollouts, weights, prompts, each, maxTokens, promptsAtOnce, key: own, group, signal });
    };
  };
  return {
    drawn: write(drawn, answersPerProblem),
    greedy: (weights, problems) => write(greedy, 1)(weights, problems, 0),
    dispose: () => {
      drawn.dispose();
      greedy.dispose();
    },
  };
}

/** Batches of answers that are asked for at once: enough to fill places that fall empty, few enough for processes to share. */
const batchesAtOnce = 4;
