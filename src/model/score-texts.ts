import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { CompileOptions } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { TrainbookError } from '../error.js';
import type { Chat } from '../tokens/chat.js';
import type { Order } from '../tokens/chat-template.js';
import { parseConversation } from '../tokens/conversation.js';
import type { Turn } from '../tokens/conversation.js';
import { pad } from '../tokens/pad.js';
import { weighedReward } from './reward-model.js';
import type { RewardModel, RewardModelWeights } from './reward-model.js';

/** What a reward model says of a text. */
export interface TextReward {
  /** The dimensions' weighed sum. */
  readonly reward: number;
  readonly dimensions: Readonly<Record<string, number>>;
}

/** Rewards of texts that are tokens, in their order. */
export type TextScorer = (texts: readonly ArrayLike<number>[]) => Promise<readonly TextReward[]>;

export interface ScoringOptions {
  /** Texts in one forward pass. Default: 8. */
  readonly batchSize?: number;
  readonly target?: CompileOptions['target'] | undefined;
}

/**
 * Makes a function that says how good texts are: prompts with their answers, as tokens. Rows are padded on the right to a power of two, so
 * that few lengths are compiled; texts of like length go through the model together.
 *
 * @throws TrainbookError, when it is called, if a text is empty or longer than the trunk's context.
 * @example
 * const score = textScorer(judge);
 * const [{ reward }] = await score([chat.example(dialogue).tokens]);
 */
export function textScorer({ architecture, weights }: RewardModel, options: ScoringOptions = {}): TextScorer {
  const { batchSize = 8, target } = options;
  const { context } = architecture.trunk.config;
  const forward = compile(
    (values: RewardModelWeights, tokens: tf.Tensor, mask: tf.Tensor) => architecture.forward(values, tokens, { mask }),
    { name: 'rewards', ...(target && { target }) },
  );
  const scoreBatch = (texts: readonly ArrayLike<number>[]): Promise<TextReward[]> =>
    inferring(async () => {
      const longest = Math.max(...texts.map(({ length }) => length));
      const time = Math.max(longest, Math.min(2 ** Math.ceil(Math.log2(Math.max(longest, 16))), context));
      const lacking = Array.from({ length: batchSize - texts.length }, () => [0]);
      const { tokens, mask } = pad([...texts, ...lacking], { token: 0, multipleOf: time });
      const shape: [number, number] = [batchSize, time];
      const given = [tf.tensor2d(tokens, shape, 'int32'), tf.tensor2d(mask, shape, 'int32')] as const;
      const output = await forward(weights, ...given); // [batchSize, D]
      const numbers = await output.data();
      tf.dispose([...given, output]);
      const numDimensions = architecture.dimensions.length;
      return texts.map((_, row) => {
        const own = numbers.slice(row * numDimensions, (row + 1) * numDimensions);
        const named = architecture.dimensions.map((name, place) => [name, own[place] ?? NaN] as const);
        return { reward: weighedReward(architecture, own), dimensions: Object.fromEntries(named) };
      });
    });
  return async (texts) => {
    texts.forEach((text, index) => {
      checkText(text.length, index, context);
    });
    const inOrder = texts.map((text, place) => ({ text, place })).sort((a, b) => a.text.length - b.text.length);
    const rewards: TextReward[] = [];
    for (let start = 0; start < inOrder.length; start += batchSize) {
      const some = inOrder.slice(start, start + batchSize);
      const scored = await scoreBatch(some.map(({ text }) => text));
      some.forEach(({ place }, index) => {
        const reward = scored[index];
        if (reward !== undefined) rewards[place] = reward;
      });
    }
    return rewards;
  };
}

/** An answer and what it answers to: the turns of a dialogue, or what the user says. */
export interface AnswerSample {
  readonly prompt: string | readonly Turn[];
  readonly completion: string;
}

/** A reward model as a reward of answers in learning from rewards: see `reinforce`. */
export interface RewardJudge {
  /** The weighed reward of each sample, in their order. */
  judge(samples: readonly AnswerSample[]): Promise<readonly number[]>;
  /** The same with what each dimension says. */
  score(samples: readonly AnswerSample[]): Promise<readonly TextReward[]>;
}

/**
 * A reward model as a judge of what is answered in a chat.
 *
 * @throws TrainbookError, when it judges, if a prompt's turns are not in the template's order, or a dialogue is longer than the context.
 * @example
 * const judge = rewardJudge(model, bind(chatMl, tokenizer));
 * const [reward] = await judge.judge([{ prompt: 'Name a colour.', completion: 'Red.' }]);
 */
export function rewardJudge<O extends Order>(
  model: RewardModel,
  chat: Chat<O>,
  options: ScoringOptions = {},
): RewardJudge {
  const scorer = textScorer(model, options);
  const { template } = chat;
  const tokensOf = ({ prompt, completion }: AnswerSample, index: number): Int32Array => {
    const asked = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
    const turns = [...asked, { role: template.order.answer, content: completion }];
    return chat.example(parseConversation(template, turns, `rewardJudge: sample ${index}`)).tokens;
  };
  const score: RewardJudge['score'] = (samples) => scorer(samples.map(tokensOf));
  return { score, judge: async (samples) => (await score(samples)).map(({ reward }) => reward) };
}

function checkText(length: number, index: number, context: number): void {
  if (length > 0 && length <= context) return;
  throw new TrainbookError({
    what: `textScorer: text ${index} has no tokens, or more than the trunk’s context`,
    received: `${length} tokens`,
    expected: `1 to ${context} tokens`,
  });
}
