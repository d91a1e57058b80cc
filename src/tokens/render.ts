import { checkOrder } from './conversation.js';
import type { Conversation, Question, Turn } from './conversation.js';
import { isPieces } from './chat-template.js';
import type { ChatTemplate, Order, Piece } from './chat-template.js';

/** Pieces that are encoded together. An answer is a span of its own: its content and the stop token. */
export interface Span {
  readonly pieces: readonly Piece[];
  readonly answer: boolean;
}

/**
 * A conversation piece by piece. An answer is one span, made of content and stop together, so that whoever counts the answer
 * counts its end. Spans of a question are those of the conversation up to the answer: nothing in them looks further ahead.
 */
export function render(template: ChatTemplate, turns: readonly Turn[]): readonly Span[] {
  checkOrder(template, turns, 'render');
  const { answer, assumed, begin = [], order, trim = false, turns: written } = template.definition;
  const whole = assumed === undefined || turns[0]?.role === assumed.role ? turns : [assumed, ...turns];
  const spans: Span[] = [];
  let context: Piece[] = [...begin];
  whole.forEach(({ role, content }, index) => {
    const text = trim ? strip(content) : content;
    if (role === order.answer) {
      spans.push({ pieces: [...context, ...answer.before], answer: false });
      spans.push({ pieces: [text, answer.stop], answer: true });
      context = [...answer.after];
    } else {
      // After the last turn of a question comes the answer.
      const following = whole[index + 1]?.role ?? order.answer;
      const { before = [], after = [] } = written[role] ?? {};
      context.push(...(isPieces(before) ? before : (before[following] ?? [])), text, ...after);
    }
  });
  const due = whole.at(-1)?.role !== order.answer;
  spans.push({ pieces: due ? [...context, ...answer.before] : context, answer: false });
  return spans.filter(({ pieces }) => pieces.length > 0);
}

/**
 * The text of a conversation, special tokens as they are written. It is for people and for comparing: tokens are never made
 * of it, since in it a content that looks like a special token cannot be told from one.
 *
 * @example
 * chatText(chatMl, conversation(chatMl, [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello' }]));
 */
export function chatText<O extends Order>(template: ChatTemplate<O>, conversation: Conversation<O>): string {
  return textOf(render(template, conversation));
}

/**
 * The text that stands before an answer, up to where the answer begins.
 *
 * @example
 * promptText(alpaca, question(alpaca, [{ role: 'instruction', content: 'Name a colour.' }]));
 */
export function promptText<O extends Order>(template: ChatTemplate<O>, question: Question<O>): string {
  return textOf(render(template, question));
}

function textOf(spans: readonly Span[]): string {
  const pieces = spans.flatMap(({ pieces }) => pieces);
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece.special)).join('');
}

/** What Python's `str.isspace` says yes to; JavaScript's `trim` takes U+FEFF too, and leaves U+001C–U+001F and U+0085. */
const space = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function strip(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && space.test(text.charAt(from))) from++;
  while (to > from && space.test(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}
