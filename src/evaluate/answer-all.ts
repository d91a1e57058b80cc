import { fold, key } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { inferring } from '../engine/inference.js';
import type { Model } from '../model/model.js';
import { decoderPolicy } from '../model/policy.js';
import { startRollouts } from '../model/rollout.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import type { Chat } from '../tokens/chat.js';
import type { Order } from '../tokens/chat-template.js';
import type { Question } from '../tokens/conversation.js';

/** What a model answered. */
export interface WrittenAnswer {
  /** Without the token that ended it. */
  readonly text: string;
  /** Whether the model ended it; else it was cut. */
  readonly ended: boolean;
}

export interface AnswerAllOptions {
  /** Tokens of an answer, at most, the one that ends it among them. */
  readonly maxTokens: number;
  /** Answers that are written at a time. Default: 16. */
  readonly batchSize?: number;
  /** Draws each token, at this temperature and by this key, in place of taking the likeliest. */
  readonly drawn?: { readonly temperature: number; readonly key: Key };
  readonly progress?: OnProgress;
}

/**
 * The model's answer to each question, greedily unless asked otherwise: always the likeliest token. The template gives the prompts as they
 * were in training, and the tokens that end an answer.
 *
 * @throws TrainbookError if a question leaves no room for an answer in the context.
 * @example
 * const answers = await answerAll(model, chat, questions, { maxTokens: 64 });
 * const score = exactMatch(answers.map(({ text }) => text), accepted);
 */
export async function answerAll<O extends Order>(
  { architecture, weights }: Model,
  chat: Chat<O>,
  questions: readonly Question<O>[],
  { maxTokens, batchSize = 16, drawn = { temperature: 0, key: key(0) }, progress = silent }: AnswerAllOptions,
): Promise<WrittenAnswer[]> {
  const { stops, tokenizer } = chat;
  const { temperature } = drawn;
  const rollouts = startRollouts(decoderPolicy(architecture), { batchSize, maxTokens, stops, temperature });
  const answers: WrittenAnswer[] = [];
  try {
    for (let start = 0; start < questions.length; start += batchSize) {
      const prompts = questions.slice(start, start + batchSize).map((question) => chat.prompt(question));
      const written = await inferring(() => rollouts.write(weights, prompts, fold(drawn.key, start)));
      for (const { tokens, stopped } of written)
        answers.push({ text: tokenizer.decode(stopped ? tokens.slice(0, -1) : tokens), ended: stopped });
      progress({ task: 'answerAll', done: answers.length, total: questions.length });
    }
  } finally {
    rollouts.dispose();
  }
  return answers;
}
