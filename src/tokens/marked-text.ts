import type { Chat, ChatExample } from './chat.js';
import { rolesAfter } from './chat-template.js';
import type { ChatTemplate } from './chat-template.js';
import type { Turn } from './conversation.js';
import { render } from './render.js';

/** A part of a text that is of one kind. */
export interface Segment {
  readonly text: string;
  /** Whether it is learnt: part of an answer, or the token that ends it. */
  readonly counted: boolean;
  /** Whether it is a special token, and no text that looks like one. */
  readonly special: boolean;
}

/** A text whose parts are told apart when it is shown: what is learnt and what is not, special tokens and text. */
export interface MarkedText {
  readonly title: string;
  readonly segments: readonly Segment[];
}

/**
 * What the tokens of an example say, and which of them are learnt: read back from the tokens themselves, so that it shows what
 * a model sees and not what was meant.
 *
 * @example
 * await show(marked(chat, chat.example(read)));
 */
export function marked({ tokenizer, template }: Chat, { tokens, counted }: ChatExample): MarkedText {
  const specials = new Map([...tokenizer.special].map(([text, id]) => [id, text]));
  const segments: Segment[] = [];
  for (let from = 0; from < tokens.length;) {
    const text = specials.get(tokens[from] ?? -1);
    const learnt = counted[from] === 1;
    let to = from + 1;
    if (text === undefined)
      while (to < tokens.length && !specials.has(tokens[to] ?? -1) && (counted[to] === 1) === learnt) to++;
    segments.push({
      text: text ?? tokenizer.decode(tokens.subarray(from, to)),
      counted: learnt,
      special: text !== undefined,
    });
    from = to;
  }
  return { title: `${template.name}, ${tokens.length} tokens`, segments };
}

/**
 * A template as it writes one conversation, with the names of the roles for contents.
 *
 * @example
 * await show(markedTemplate(llama3)); // the same as show(llama3)
 */
export function markedTemplate(template: ChatTemplate): MarkedText {
  const { name, order } = template;
  const turns: Turn[] = [];
  while (turns.at(-1)?.role !== order.answer && turns.length < Object.keys(order.next).length) {
    const role = rolesAfter(order, turns.at(-1)?.role)[0];
    if (role === undefined) break;
    turns.push({ role, content: `{${role}}` });
  }
  const segments = render(template, turns).flatMap(({ pieces, answer }) =>
    pieces.map((piece): Segment => {
      const isText = typeof piece === 'string';
      return { text: isText ? piece : piece.special, counted: answer, special: !isText };
    }),
  );
  return { title: `The chat template ${name}`, segments };
}

/** Part of a text as it can be shown: characters, or the escape of one that cannot be seen. */
export interface Printable {
  readonly text: string;
  readonly escape: boolean;
  /** Whether a line ends after it. */
  readonly ends: boolean;
}

/**
 * Control characters, and format characters that move or hide what stands beside them. Joiners and variation selectors are
 * not among them: emoji and several scripts are written with them.
 */
const unseen = /([\p{Cc}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff])/u;
const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text with its control characters as escapes: `\t`, `\x1b`, `\u{202e}`. A line feed is its escape and the end of a line. */
export function printable(text: string): readonly Printable[] {
  return text.split(unseen).flatMap((part, index): readonly Printable[] => {
    if (index % 2 === 0) return part === '' ? [] : [{ text: part, escape: false, ends: false }];
    const code = part.codePointAt(0) ?? 0;
    const hex = code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
    return [{ text: short[part] ?? hex, escape: true, ends: part === '\n' }];
  });
}

const RESET = '\u001b[0m';
const LEARNT = '\u001b[32;4m'; // green and underlined: not by colour alone
const SPECIAL = '\u001b[1m'; // bold
const ESCAPE = '\u001b[2m'; // dim

/**
 * A marked text for a terminal: what is learnt is green and underlined, special tokens are bold, escapes dim. Without colour,
 * what is learnt stands in ⟦⟧ and special tokens in ‹›. Nothing in the text can move the cursor or change colours.
 *
 * @example
 * console.log(terminalText(marked(chat, example), process.stdout.isTTY && process.env['NO_COLOR'] === undefined));
 */
export function terminalText({ title, segments }: MarkedText, colour: boolean): string {
  const [learnt, special] = colour
    ? [`${LEARNT}learnt${RESET}`, `${SPECIAL}special token${RESET}`]
    : ['⟦learnt⟧', '‹special token›'];
  const body = colour ? segments.map(coloured).join('') : bracketed(segments);
  return `${title} (${learnt}, ${special})\n${body}`;
}

function coloured({ text, counted, special }: Segment): string {
  const style = `${counted ? LEARNT : ''}${special ? SPECIAL : ''}`;
  return printable(text)
    .map((part) => {
      const codes = `${style}${part.escape ? ESCAPE : ''}`;
      return `${codes}${part.text}${codes === '' ? '' : RESET}${part.ends ? '\n' : ''}`;
    })
    .join('');
}

function bracketed(segments: readonly Segment[]): string {
  return segments
    .map(({ text, counted, special }, index) => {
      const shown = printable(text)
        .map((part) => `${part.text}${part.ends ? '\n' : ''}`)
        .join('');
      const opens = counted && segments[index - 1]?.counted !== true;
      const closes = counted && segments[index + 1]?.counted !== true;
      return `${opens ? '⟦' : ''}${special ? `‹${shown}›` : shown}${closes ? '⟧' : ''}`;
    })
    .join('');
}
