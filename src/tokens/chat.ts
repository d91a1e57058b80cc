import { TrainbookError } from '../error.js';
import { isChatTemplate, specialsOf } from './chat-template.js';
import type { ChatTemplate, Order } from './chat-template.js';
import type { Conversation, Question } from './conversation.js';
import { render } from './render.js';
import type { Span } from './render.js';
import type { Tokenizer } from './tokenizer.js';

/** A conversation as tokens: what a model learns from. */
export interface ChatExample {
  /** [numTokens] */
  readonly tokens: Int32Array;
  /** 1 where the token is a target: those of answers and their ends. The first token is none. [numTokens] */
  readonly counted: Uint8Array;
}

/** Which answers of a conversation are learnt. */
export type CountedAnswers = 'all' | 'last';

/** A class only to be nominal: `#made` is neither written by hand nor copied by a spread. */
class Bound<O extends Order, Name extends string> {
  readonly #made = true;
  readonly template: ChatTemplate<O, Name>;
  readonly tokenizer: Tokenizer;
  /** The token by which an answer ends: the one that training counts. */
  readonly stop: number;
  /** The tokens at which generation ends: `stop`, and the end of the text, which a model that is not yet trained may write. */
  readonly stops: readonly number[];
  readonly #specials: ReadonlySet<number>;

  constructor(template: ChatTemplate<O, Name>, tokenizer: Tokenizer) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.stop = idOf(tokenizer, template.definition.answer.stop.special);
    this.stops = [...new Set([this.stop, tokenizer.endOfText])];
    this.#specials = new Set(tokenizer.special.values());
  }

  /** The tokens of a conversation, and which of them are learnt: the contents and stops of all answers, or of the last. */
  example(conversation: Conversation<O>, { answers = 'all' }: { readonly answers?: CountedAnswers } = {}): ChatExample {
    const spans = render(this.template, conversation);
    const last = spans.findLastIndex(({ answer }) => answer);
    const parts = spans.map((span, index) => {
      const ids = this.#encode(span);
      return { ids, counted: span.answer && (answers === 'all' || index === last) };
    });
    return {
      tokens: Int32Array.from(parts.flatMap(({ ids }) => ids)),
      counted: Uint8Array.from(parts.flatMap(({ ids, counted }) => ids.map(() => (counted ? 1 : 0)))),
    };
  }

  /** The tokens from which an answer is generated: those that stand before it in training. [numTokens] */
  prompt(question: Question<O>): Int32Array {
    return Int32Array.from(render(this.template, question).flatMap((span) => this.#encode(span)));
  }

  /** Special tokens are put by their ids, the text between them is encoded at once. */
  #encode({ pieces }: Span): number[] {
    const ids: number[] = [];
    let text = '';
    const flush = (): void => {
      const encoded = text === '' ? [] : this.tokenizer.encode(text);
      if (encoded.some((id) => this.#specials.has(id)))
        throw new Error(`the tokenizer encodes text as a special token: ${JSON.stringify(text)}`);
      for (const id of encoded) ids.push(id);
      text = '';
    };
    for (const piece of pieces) {
      if (typeof piece === 'string') {
        text += piece;
      } else {
        flush();
        ids.push(idOf(this.tokenizer, piece.special));
      }
    }
    flush();
    return ids;
  }

  static is(value: object): boolean {
    return #made in value && value.#made;
  }
}

/**
 * A chat template with the tokenizer that encodes it: the one way to make examples of conversations, prompts and stop tokens.
 * Training, evaluation and serving take this value, so that what was trained is what is served:
 *
 * - Each answer is encoded by itself. Were it encoded with what stands before it, a merge might cross the border (`\n` and an
 *   answer that begins with `\n`), and training would see a token where serving, which has no answer yet, sees two. So
 *   `example(…).tokens` up to an answer is `prompt(…)` of the turns before it, always, whichever answers are counted.
 * - An answer and its stop token are one span: neither can be counted without the other.
 * - A content never becomes a special token: a user who types `<|im_end|>` has typed ten characters.
 */
export type Chat<O extends Order = Order, Name extends string = string> = Bound<O, Name>;

/**
 * Binds a template to a tokenizer.
 *
 * @throws TrainbookError that names the special tokens which the tokenizer lacks
 * @example
 * const chat = bind(chatMl, tokenizer);
 * const { tokens, counted } = chat.example(conversation(chatMl, [
 *   { role: 'user', content: 'Name a colour.' },
 *   { role: 'assistant', content: 'Red.' },
 * ]));
 * const prompt = chat.prompt(question(chatMl, [{ role: 'user', content: 'Name a colour.' }]));
 */
export function bind<O extends Order, Name extends string>(
  template: ChatTemplate<O, Name>,
  tokenizer: Tokenizer,
): Chat<O, Name> {
  if (!isChatTemplate(template)) {
    throw new TrainbookError({
      what: 'bind: this is no chat template',
      expected: 'a value that chatTemplate made, such as chatMl',
      fix: 'a changed copy goes through chatTemplate again: chatTemplate({ ...chatMl.definition, name: … })',
    });
  }
  const missing = specialsOf(template).filter((text) => !tokenizer.special.has(text));
  if (missing.length > 0) {
    throw new TrainbookError({
      what: `bind: the tokenizer lacks special tokens of the template ${template.name}: ${missing.join(', ')}`,
      received: `special tokens ${[...tokenizer.special.keys()].join(', ') || '(none)'}`,
      expected: specialsOf(template).join(', '),
      fix: 'add them to the tokenizer before the model is made, or take a template whose tokens it has',
    });
  }
  return new Bound(template, tokenizer);
}

/** Whether a value was made by `bind`. */
export function isChat(value: unknown): value is Chat {
  return typeof value === 'object' && value !== null && Bound.is(value);
}

function idOf(tokenizer: Tokenizer, text: string): number {
  const id = tokenizer.special.get(text);
  if (id === undefined) throw new Error(`no special token ${text}`);
  return id;
}
