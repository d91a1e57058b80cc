// A conversation as files have it, a line each: turns, or one field a role.
// [{"role":"user","content":"Name a colour."},{"role":"assistant","content":"Red."}]
// {"instruction":"Name a colour.","input":"","output":"Red."}
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { rolesAfter } from './chat-template.js';
import type { ChatTemplate, Order, Role } from './chat-template.js';

/** What one role said. */
export interface Turn<R extends string = string> {
  readonly role: R;
  readonly content: string;
}

declare const ordered: unique symbol;

/** Turns in the order of a template, of which the last is an answer: what is learnt from. Checked when it was made. */
export type Conversation<O extends Order = Order> = readonly Turn<Role<O>>[] & {
  readonly [ordered]: { readonly order: O; readonly ends: 'with the answer' };
};

/** Turns in the order of a template, after which an answer is due: what is generated from. Checked when it was made. */
export type Question<O extends Order = Order> = readonly Turn<Role<O>>[] & {
  readonly [ordered]: { readonly order: O; readonly ends: 'before an answer' };
};

/** A property that no turn has: the compiler reports its name. */
type Mistake<Message extends string> = { readonly [M in Message]: never };

type Text<T> = T extends string ? T : never;

/** The roles that may stand after `Before`, or first where that is undefined. */
type After<O extends Order, Before> = Before extends keyof O['next'] ? O['next'][Before][number] : O['first'][number];

type Misplaced<O extends Order, Before, Given extends string> = Before extends string
  ? [After<O, Before>] extends [never]
    ? Mistake<`nothing comes after ${Before}, not ${Given}`>
    : Mistake<`after ${Before} comes ${Text<After<O, Before>>}, not ${Given}`>
  : Mistake<`first comes ${Text<After<O, Before>>}, not ${Given}`>;

/** For each turn `unknown`, or what is wrong with its place. */
type Places<
  O extends Order,
  Roles,
  Before = undefined,
  Done extends readonly unknown[] = readonly [],
> = Roles extends readonly [infer Given extends string, ...infer Rest]
  ? Places<O, Rest, Given, readonly [...Done, Given extends After<O, Before> ? unknown : Misplaced<O, Before, Given>]>
  : Done;

type Last<Roles> = Roles extends readonly [...unknown[], infer L] ? L : 'nobody';

/** The roles after which an answer may come. */
type Asking<O extends Order> = {
  [R in Role<O>]: O['answer'] extends O['next'][R][number] ? R : never;
}[Role<O>];

/** `unknown` for turns of these roles that are in order and end with one of `End`; else what the compiler should say. */
type InOrder<O extends Order, Roles extends readonly string[], End extends string> = number extends Roles['length']
  ? Mistake<'turns whose number the compiler does not know are read by parseConversation'>
  : Last<Roles> extends End
    ? Places<O, Roles>
    : Mistake<`the last turn is of ${End}, not of ${Text<Last<Roles>>}`>;

/** The roles of turns, in their order. (Inferred from the turns themselves: TypeScript 5.0, tslab's, finds no tuple behind a mapped type.) */
type RolesOf<T extends readonly Turn[]> = { readonly [I in keyof T]: T[I]['role'] };

/** For each turn `unknown`, or that it has fields which no turn has. */
type Plain<T extends readonly Turn[]> = {
  readonly [I in keyof T]: Exclude<keyof T[I], keyof Turn> extends never
    ? unknown
    : Mistake<'a turn has a role and a content, and nothing else'>;
};

/**
 * A conversation written in code. Roles and their order are checked by the compiler: an unknown role, an answer that nobody
 * asked for, two turns of a role in a row, or no answer at the end do not compile.
 *
 * @example
 * conversation(chatMl, [
 *   { role: 'user', content: 'Name a colour.' },
 *   { role: 'assistant', content: 'Red.' },
 * ]);
 */
export function conversation<O extends Order, const T extends readonly Turn<Role<O>>[]>(
  template: ChatTemplate<O>,
  turns: T & InOrder<O, RolesOf<T>, O['answer']> & Plain<T>,
): Conversation<O> {
  return parseConversation(template, turns, 'conversation');
}

/**
 * A conversation written in code up to where the answer begins, checked by the compiler.
 *
 * @example
 * chat.prompt(question(chatMl, [{ role: 'user', content: 'Name a colour.' }]));
 */
export function question<O extends Order, const T extends readonly Turn<Role<O>>[]>(
  template: ChatTemplate<O>,
  turns: T & InOrder<O, RolesOf<T>, Asking<O>> & Plain<T>,
): Question<O> {
  return parseQuestion(template, turns, 'question');
}

/**
 * A conversation from outside: a file, a request.
 *
 * @param where what errors begin with, such as `chats.jsonl, line 17`
 * @throws TrainbookError that names the first turn that is none, or is not in the template's order
 * @example
 * const read = lines.map((line, index) => parseConversation(chatMl, JSON.parse(line), `chats.jsonl, line ${index + 1}`));
 */
export function parseConversation<O extends Order>(
  template: ChatTemplate<O>,
  value: unknown,
  where = 'parseConversation',
): Conversation<O> {
  const turns = parseTurns(template, value, where);
  const last = turns.at(-1)?.role;
  if (last !== template.order.answer) {
    throw new TrainbookError({
      what: `${where}: the conversation does not end with an answer`,
      received: `turn ${turns.length - 1}, the last, is of '${last ?? 'nobody'}'`,
      expected: `the last turn of '${template.order.answer}'`,
      fix: 'leave out the turns after the last answer; a prompt for generation is read by parseQuestion',
    });
  }
  return turns as unknown as Conversation<O>;
}

/**
 * A conversation from outside up to where the answer begins.
 *
 * @throws TrainbookError that names the first turn that is none, or is not in the template's order
 * @example
 * chat.prompt(parseQuestion(chatMl, request.messages, 'messages'));
 */
export function parseQuestion<O extends Order>(
  template: ChatTemplate<O>,
  value: unknown,
  where = 'parseQuestion',
): Question<O> {
  const turns = parseTurns(template, value, where);
  const { order } = template;
  const last = turns.at(-1)?.role;
  if (last === undefined || !rolesAfter(order, last).includes(order.answer)) {
    throw new TrainbookError({
      what: `${where}: no answer is due at the end`,
      received: `turn ${turns.length - 1}, the last, is of '${last ?? 'nobody'}'`,
      expected: `a last turn after which '${order.answer}' may follow`,
    });
  }
  return turns as unknown as Question<O>;
}

/**
 * A conversation that is written as one field a role, as instruction data are. Empty fields are left out.
 *
 * @throws TrainbookError if a field is no role of the template or no text, or the roles are not in its order
 * @example
 * parseFields(alpaca, { instruction: 'Name a colour.', input: '', output: 'Red.' });
 */
export function parseFields<O extends Order>(
  template: ChatTemplate<O>,
  value: unknown,
  where = 'parseFields',
): Conversation<O> {
  const roles = Object.keys(template.order.next);
  const schema = z.strictObject(Object.fromEntries(roles.map((role) => [role, z.string().optional()])));
  const fields = parsed(schema, value, where, `an object with texts under ${roles.join(', ')}`);
  const turns = roles.flatMap((role) => {
    const content = fields[role] ?? '';
    return content === '' && role !== template.order.answer ? [] : [{ role, content }];
  });
  if (fields[template.order.answer] === undefined) turns.pop();
  return parseConversation(template, turns, where);
}

const turnsSchema = z.array(z.strictObject({ role: z.string(), content: z.string() }));

function parseTurns(template: ChatTemplate, value: unknown, where: string): readonly Turn[] {
  const turns = parsed(turnsSchema, value, where, 'a list of { role, content }, both texts, with nothing else in them');
  checkOrder(template, turns, where);
  return turns;
}

/** @throws TrainbookError that names the first turn that does not stand where the template's order has it. */
export function checkOrder({ name, order }: ChatTemplate, turns: readonly Turn[], where: string): void {
  turns.forEach(({ role }, index) => {
    const before = turns[index - 1]?.role;
    const expected = rolesAfter(order, before);
    if (expected.includes(role)) return;
    throw new TrainbookError({
      what: `${where}: turn ${index} is not in the order of the template ${name}`,
      received: before === undefined ? `'${role}' first` : `'${role}' after '${before}'`,
      expected: expected.length === 0 ? 'no further turn' : expected.map((other) => `'${other}'`).join(' or '),
    });
  });
}

/** Errors name the turn: `[2].content` is «turn 2: content». */
function parsed<T>(schema: z.ZodType<T>, value: unknown, where: string, expected: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0] ?? { path: [], message: 'cannot be read' };
  const [index, ...inner] = path;
  const place = typeof index === 'number' ? [`turn ${index}`, ...inner.map(String)] : path.map(String);
  throw new TrainbookError({
    what: `${where}: this is no conversation`,
    received: [...place, message].join(': '),
    expected,
    cause: result.error,
  });
}
