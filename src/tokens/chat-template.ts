import { TrainbookError } from '../error.js';

/**
 * Which roles there are and in what order they speak: the roles that may begin, and after each role those that may follow.
 * It is data and type at once: the compiler and the reader of files hold conversations to the same value.
 */
export interface Order {
  readonly first: readonly string[];
  readonly next: Readonly<Record<string, readonly string[]>>;
  /** The role that the model plays: its turns are what is learnt and what is generated. */
  readonly answer: string;
}

/** The names of an order's roles. */
export type Role<O extends Order> = keyof O['next'] & string;

/** A token that no text is encoded as, such as `<|im_end|>`. */
export interface Special {
  readonly special: string;
}

/** Part of a template: plain text, or a special token. */
export type Piece = string | Special;

/** How a turn is written: `before`, its content, `after`. */
export interface TurnPieces<Following extends string = string> {
  /** The same always, or by the role that follows. */
  readonly before: readonly Piece[] | { readonly [Role in Following]: readonly Piece[] };
  readonly after: readonly Piece[];
}

/** How an answer is written: `before`, its content, `stop`, `after`. Content and stop are what is learnt. */
export interface AnswerPieces {
  /** Ends where the answer begins. */
  readonly before: readonly Piece[];
  /** The token by which the model ends its answer, in training, and at which generation stops. */
  readonly stop: Special;
  readonly after: readonly Piece[];
}

/** Pieces for every role but the answer's, whose names are in the type where they are known. */
export type TurnsOf<O extends Order> = string extends O['answer']
  ? Readonly<Record<string, TurnPieces>>
  : { readonly [R in Exclude<Role<O>, O['answer']>]: TurnPieces<O['next'][R][number]> };

/** What a template is made of: plain data. */
export interface ChatDefinition<O extends Order, Name extends string> {
  readonly name: Name;
  readonly order: O;
  /** Before all turns. */
  readonly begin?: readonly Piece[];
  /** The turn that is put first where a conversation begins with another role: a system prompt that nobody wrote. */
  readonly assumed?: { readonly role: O['first'][number]; readonly content: string };
  /** Whether white space around contents is taken away: that which Python's `str.strip` takes, as in Jinja's `trim`. */
  readonly trim?: boolean;
  /** Every role but the answer's. */
  readonly turns: TurnsOf<O>;
  readonly answer: AnswerPieces;
}

/** A class only to be nominal: `#made` is neither written by hand nor copied by a spread. */
class Made<O extends Order, Name extends string> {
  readonly #made = true;
  readonly name: Name;
  readonly order: O;
  /** What it was made of, to be kept or changed. */
  readonly definition: ChatDefinition<O, Name>;

  constructor(definition: ChatDefinition<O, Name>) {
    this.name = definition.name;
    this.order = definition.order;
    this.definition = definition;
  }

  static is(value: object): boolean {
    return #made in value && value.#made;
  }
}

/**
 * A chat template: one value from which come the text of a conversation, its tokens with their loss mask (`bind`), the prompt
 * for generation and the token that ends it. Only `chatTemplate` makes one; there is none without a stop token. `Name` is part
 * of the type, so that code which goes on from a model can ask for the template that the model was trained with.
 */
export type ChatTemplate<O extends Order = Order, Name extends string = string> = Made<O, Name>;

/** A special token as a piece of a template. */
export function special(text: string): Special {
  return { special: text };
}

/**
 * Makes a template of its definition. A variant of one that there is copies that one's definition and changes what differs.
 *
 * @throws TrainbookError if a role is named but not defined, or nothing leads to an answer.
 * @example
 * const start = special('<|im_start|>');
 * const end = special('<|im_end|>');
 * const mine = chatTemplate({
 *   name: 'mine',
 *   order: { first: ['user'], next: { user: ['assistant'], assistant: ['user'] }, answer: 'assistant' },
 *   turns: { user: { before: [start, 'user\n'], after: [end, '\n'] } },
 *   answer: { before: [start, 'assistant\n'], stop: end, after: ['\n'] },
 * });
 * const terse = chatTemplate({ ...qwen25.definition, name: 'terse', assumed: { role: 'system', content: 'Be brief.' } });
 */
export function chatTemplate<const O extends Order, const Name extends string>(
  definition: ChatDefinition<O, Name>,
): ChatTemplate<O, Name> {
  const fault = faultOf(definition);
  if (fault !== undefined) throw new TrainbookError({ what: `chatTemplate ${definition.name}: ${fault}` });
  return new Made(definition);
}

/** Whether a value was made by `chatTemplate`. */
export function isChatTemplate(value: unknown): value is ChatTemplate {
  return typeof value === 'object' && value !== null && Made.is(value);
}

/** The roles that may stand after `before`, or first where that is undefined. */
export function rolesAfter(order: Order, before: string | undefined): readonly string[] {
  return before === undefined ? order.first : (order.next[before] ?? []);
}

/** The special tokens that a template writes, each once. */
export function specialsOf({ definition }: ChatTemplate): readonly string[] {
  const { begin = [], answer, turns } = definition;
  const pieces = [
    begin,
    answer.before,
    [answer.stop],
    answer.after,
    ...Object.values(turns).flatMap(({ before, after }) => [...variantsOf(before), after]),
  ].flat();
  return [...new Set(pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.special])))];
}

/** What may stand before a turn's content. */
function variantsOf(before: TurnPieces['before']): readonly (readonly Piece[])[] {
  return isPieces(before) ? [before] : Object.values(before);
}

/** Whether pieces are the same whatever follows. */
export function isPieces(before: TurnPieces['before']): before is readonly Piece[] {
  return Array.isArray(before);
}

/** Definitions from files have no types. */
function isSpecial(value: unknown): value is Special {
  return typeof value === 'object' && value !== null && 'special' in value && Boolean(value.special);
}

/** What is wrong with a definition, where the types did not say it. */
function faultOf({ order, assumed, turns, answer }: ChatDefinition<Order, string>): string | undefined {
  const roles = Object.keys(order.next);
  const named = [...order.first, ...Object.values(order.next).flat(), order.answer];
  const unknown = named.find((role) => !roles.includes(role));
  if (unknown !== undefined) return `order names the role '${unknown}', of which order.next says nothing`;
  if (order.first.includes(order.answer)) return `the answer ('${order.answer}') is first: nothing stands before it`;
  if (!Object.values(order.next).flat().includes(order.answer)) return `nothing leads to an answer ('${order.answer}')`;
  const asking = roles.filter((role) => role !== order.answer);
  const written = Object.keys(turns);
  const missing = asking.find((role) => !written.includes(role)) ?? written.find((role) => !asking.includes(role));
  if (missing !== undefined) return `turns are of ${written.join(', ')}; the order has ${asking.join(', ')}`;
  for (const role of asking) {
    const before = turns[role]?.before ?? [];
    const lacks = isPieces(before) ? undefined : order.next[role]?.find((following) => !(following in before));
    if (lacks !== undefined) return `turns.${role}.before does not say what stands before '${lacks}'`;
  }
  if (!isSpecial(answer.stop)) return 'answer.stop is no special token';
  if (assumed === undefined) return undefined;
  const after = rolesAfter(order, assumed.role);
  const stray = order.first.find((role) => role !== assumed.role && !after.includes(role));
  return stray === undefined ? undefined : `'${stray}' may begin, but may not follow the assumed '${assumed.role}'`;
}
