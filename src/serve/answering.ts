import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { startDecoding } from '../model/decoding.js';
import type { Finish } from '../model/generate.js';
import { samplePlan } from '../model/sample-options.js';
import type { SampleChoice } from '../model/sample-options.js';
import { streamText } from '../model/stream.js';
import type { Chat } from '../tokens/chat.js';
import type { SystemUserAssistant } from '../tokens/chat-templates.js';
import { parseQuestion } from '../tokens/conversation.js';
import type { Turn } from '../tokens/conversation.js';
import { stopsOf } from './pretrained.js';
import type { Pretrained } from './pretrained.js';

/** How answers are drawn. */
export interface AnsweringOptions extends SampleChoice {
  readonly key: Key;
  /** Tokens of an answer at most. */
  readonly maxTokens: number;
}

/** What a model said. A type, not an interface, so that it counts as JSON. */
export type Answer = {
  readonly text: string;
  readonly numTokens: number;
  /** Tokens of the prompt. */
  readonly numPromptTokens: number;
  /** Why it ended; `interrupted`: somebody stopped it. */
  readonly finish: Finish;
  /** The oldest turns, which the model did not see because the context is full. */
  readonly numDropped: number;
};

/** A chat model that is ready to answer. */
export interface Answering {
  /** Answers a conversation whose last turn is a user's; `write` gets the text as it grows. `signal` stops it. */
  next(turns: readonly Turn[], write: (text: string) => void, signal?: AbortSignal): Promise<Answer>;
  dispose(): void;
}

/** A prompt that fits, and how many turns were left out for it. */
export interface FittingPrompt {
  readonly tokens: Int32Array;
  readonly numDropped: number;
}

/**
 * The prompt of a conversation without its oldest rounds (a question with its answer), so many that `room` tokens are enough; the
 * system prompt stays. The last question stays even if it leaves less room than that.
 *
 * @throws TrainbookError if the last question alone is longer than the context.
 * @example
 * const { tokens, numDropped } = fittingPrompt(chat, turns, { room: 1500, context: 2048 });
 */
export function fittingPrompt(
  chat: Chat<SystemUserAssistant>,
  turns: readonly Turn[],
  { room, context }: { readonly room: number; readonly context: number },
): FittingPrompt {
  const system = turns.filter(({ role }) => role === 'system');
  const spoken = turns.filter(({ role }) => role !== 'system');
  for (let numDropped = 0; ; numDropped += 2) {
    const left = [...system, ...spoken.slice(numDropped)];
    const tokens = chat.prompt(parseQuestion(chat.template, left, 'chat'));
    const isLast = numDropped + 2 >= spoken.length;
    if (tokens.length <= room || (isLast && tokens.length < context)) return { tokens, numDropped };
    if (isLast) {
      throw new TrainbookError({
        what: 'chat: the question does not fit into the model’s context',
        received: `${tokens.length} tokens with the template${system.length > 0 ? ' and the system prompt' : ''}`,
        expected: `less than ${context} tokens`,
        fix: 'shorten it',
      });
    }
  }
}

/**
 * Makes a chat model ready to answer, with one compiled step for all answers. Equal keys give equal conversations.
 *
 * @example
 * const answering = startAnswering(pretrained, { key: key(1), temperature: 0.7, topP: 0.95, maxTokens: 300 });
 * await answering.next([{ role: 'user', content: 'Name a colour.' }], (text) => process.stdout.write(text));
 */
export function startAnswering(
  {
    model,
    tokenizer,
    chat,
    generation,
  }: Omit<Pretrained, 'chat' | 'kind'> & { readonly chat: Chat<SystemUserAssistant> },
  { key, maxTokens, ...choice }: AnsweringOptions,
): Answering {
  const { context } = model.architecture.config;
  const decoding = startDecoding(model, { batch: 1, length: context });
  const stops = [...stopsOf({ chat, generation, tokenizer })];
  const plan = samplePlan('chat', { stops, maxTokens, ...choice }, tokenizer);
  // An answer has room for its tokens, but a long wish does not drive the conversation out.
  const room = context - Math.min(maxTokens, Math.floor(context / 4));
  let count = 0;
  return {
    async next(turns, write, signal) {
      const { tokens, numDropped } = fittingPrompt(chat, turns, { room, context });
      const own = fold(key, count++);
      const stream = streamText(() => decoding, tokenizer, [...tokens], { plan, key: own, signal });
      for await (const piece of stream) write(piece);
      const { text, numTokens, finish } = await stream.summary();
      return { text, numTokens, numPromptTokens: tokens.length, finish, numDropped };
    },
    dispose() {
      decoding.dispose();
    },
  };
}
