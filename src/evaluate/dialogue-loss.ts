import type { Model } from '../model/model.js';
import type { Chat, CountedAnswers } from '../tokens/chat.js';
import type { Order } from '../tokens/chat-template.js';
import { conversationOf } from '../tokens/conversation-of.js';
import type { AnsweredRow } from '../tokens/conversation-of.js';
import { packExamples } from '../tokens/pack-examples.js';
import type { PackExamplesOptions } from '../tokens/pack-examples.js';
import { heldOutLoss } from '../train/held-out.js';

/** How well a model predicts answers. A type, not an interface, so that it counts as JSON. */
export type DialogueScore = {
  /** Mean nats per token of the answers and their ends. */
  readonly nats: number;
  /** exp(nats) */
  readonly perplexity: number;
  /** Tokens that counted. */
  readonly tokens: number;
};

export interface DialogueLossOptions extends Pick<PackExamplesOptions, 'unfit'> {
  /** Which answers count. Default: all. */
  readonly answers?: CountedAnswers;
  /** Rows that are computed at a time. Default: 8. */
  readonly batchSize?: number;
  /** Predictions of a row. Default: as many as the longest conversation has, at most the model's context. */
  readonly context?: number;
}

/**
 * −Σ log p(token) / n over the answers of conversations, with their ends: what `fineTune` makes smaller, on rows that it has not seen.
 *
 * @throws TrainbookError if there are no rows, or one is longer than the context and `unfit` does not say what to do.
 * @example
 * const { nats } = await dialogueLoss(model, chat, heldOut);
 */
export async function dialogueLoss<O extends Order>(
  { architecture, weights }: Model,
  chat: Chat<O>,
  rows: readonly AnsweredRow<O>[],
  { answers = 'all', batchSize = 8, unfit = 'refuse', ...options }: DialogueLossOptions = {},
): Promise<DialogueScore> {
  const examples = rows.map((row, index) =>
    chat.example(conversationOf(chat.template, row, `dialogueLoss, row ${index}`), { answers }),
  );
  const longest = examples.reduce((most, { tokens }) => Math.max(most, tokens.length - 1), 1);
  const context = options.context ?? Math.min(longest, architecture.config.context);
  const packed = packExamples(examples, chat.tokenizer, context, { unfit });
  const { nats, tokens } = await heldOutLoss(architecture, batchSize)(weights, packed);
  return { nats, perplexity: Math.exp(nats), tokens };
}
