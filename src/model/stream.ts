import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import type { Chat } from '../tokens/chat.js';
import type { Order } from '../tokens/chat-template.js';
import type { Question } from '../tokens/conversation.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { tokenChooser } from './choose-token.js';
import type { Decoding } from './decoding.js';
import { generate } from './generate.js';
import type { Finish } from './generate.js';
import { roomFor } from './sample.js';
import { samplePlan } from './sample-options.js';
import type { SampleChoice, SamplePlan } from './sample-options.js';
import { startWriting } from './writer.js';
import type { Writer } from './writer.js';
import { writtenText } from './written-text.js';

/** Text as it is written, to be read once: `for await (const piece of stream)`. */
export interface TextStream extends AsyncIterable<string> {
  /** How it ended. What was not read yet is read first; after a `break` it is what there was. */
  summary(): Promise<StreamSummary>;
}

/** A text that was generated. */
export interface StreamSummary {
  /** All pieces, joined. */
  readonly text: string;
  /** Tokens that were generated, without a stop token. */
  readonly numTokens: number;
  readonly finish: Finish;
  /** From the first call on, the reading of the prompt included. */
  readonly tokensPerSecond: number;
}

/** How to stream: `sampleOptions` says what each option means. */
export interface StreamOptions extends SampleChoice {
  readonly key: Key;
  /** Ends the text after the token that is being generated. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Continues a prompt, piece by piece as it is generated: the text that `sample` gives for it with the same options. No piece ends
 * within a character, and none has a part of a stop string.
 *
 * @throws TrainbookError if an option is out of range; when it is read, if the prompt is empty or longer than the context.
 * @example
 * const story = stream(model, tokenizer, 'Once upon a time', { temperature: 0.8, key: key(1) });
 * for await (const piece of story) process.stdout.write(piece);
 * const { finish, tokensPerSecond } = await story.summary();
 */
export function stream(model: Writer, tokenizer: Tokenizer, prompt: string, options: StreamOptions): TextStream {
  const { key, signal, ...choice } = options;
  const plan = samplePlan('stream', choice, tokenizer);
  return streamOnce(model, tokenizer, tokenizer.encode(prompt), { plan, key, signal });
}

/**
 * The model's answer to a question, piece by piece. The template gives the prompt as it was in training, and the stop tokens.
 *
 * @throws TrainbookError if an option is out of range; when it is read, if the question is longer than the context.
 * @example
 * const chat = bind(chatMl, tokenizer);
 * const reply = answer(model, chat, question(chatMl, [{ role: 'user', content: 'Name a colour.' }]), { key: key(1) });
 * for await (const piece of reply) process.stdout.write(piece);
 */
export function answer<O extends Order, Name extends string>(
  model: Writer,
  chat: Chat<O, Name>,
  question: Question<O>,
  options: StreamOptions,
): TextStream {
  const { key, signal, ...choice } = options;
  const plan = samplePlan('answer', { stops: [...chat.stops], ...choice }, chat.tokenizer);
  return streamOnce(model, chat.tokenizer, [...chat.prompt(question)], { plan, key, signal });
}

/** What a stream is made with. */
export interface StreamPlan {
  readonly plan: SamplePlan;
  /** Of the sequence: a token's own is folded from it and the position. */
  readonly key: Key;
  readonly signal?: AbortSignal | undefined;
}

function streamOnce(
  model: Writer,
  tokenizer: Tokenizer,
  prompt: readonly number[],
  { key, ...rest }: StreamPlan,
): TextStream {
  const length = roomFor(model, [prompt], rest.plan.maxTokens);
  let decoding: Decoding | undefined;
  return streamText(() => (decoding = startWriting(model, { batch: 1, length })), tokenizer, prompt, {
    ...rest,
    key: fold(key, 0), // as the first prompt of `sample`
    done: () => decoding?.dispose(),
  });
}

/**
 * The text that a decoding of one sequence writes after a prompt. The decoding is asked for when the reading begins; `done` is called
 * when it ends.
 */
export function streamText(
  open: () => Decoding,
  tokenizer: Pick<Tokenizer, 'decode' | 'token'>,
  prompt: readonly number[],
  { plan, key, signal, done }: StreamPlan & { readonly done?: () => void },
): TextStream {
  const written = writtenText(tokenizer, plan);
  const chooseToken = tokenChooser(plan);
  let text = '';
  let finish: Finish = 'interrupted';
  let seconds = 0;
  async function* pieces(): AsyncGenerator<string, void, undefined> {
    const began = performance.now();
    let fresh = '';
    try {
      for await (const generated of generate(open(), [prompt], {
        choose: (logits, _sequence, tokens) => chooseToken(logits, fold(key, tokens.length), tokens),
        maxTokens: plan.maxTokens,
        ends: (token) => {
          fresh = written.push(token);
          return written.ended;
        },
      })) {
        seconds = (performance.now() - began) / 1000;
        text += fresh;
        if (fresh !== '') yield fresh;
        if (generated.finish === undefined && signal?.aborted !== true) continue;
        const rest = written.end();
        text += rest;
        if (rest !== '') yield rest;
        finish = generated.finish ?? 'interrupted';
        return;
      }
      finish = 'length'; // of no tokens
    } finally {
      done?.();
    }
  }
  const iterator = pieces();
  return {
    [Symbol.asyncIterator]: () => iterator,
    async summary() {
      while ((await iterator.next()).done !== true);
      const { numTokens } = written;
      return { text, numTokens, finish, tokensPerSecond: seconds > 0 ? numTokens / seconds : 0 };
    },
  };
}
