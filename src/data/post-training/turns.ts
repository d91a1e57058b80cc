import { isRow } from '../read/row.js';
import type { Note } from './fault.js';
import { shown } from './fault.js';

/** Who speaks in chats. */
export type ChatRole = 'system' | 'user' | 'assistant';

/** What one role said: a `Turn` as the chat templates take it. */
export interface ChatTurn<R extends string = ChatRole> {
  readonly role: R;
  readonly content: string;
}

/** The names that data sets have for roles: OpenAI's, ShareGPT's, LLaMA-Factory's. */
const roles = new Map<string, ChatRole | 'tool'>([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['human', 'user'],
  ['prompter', 'user'],
  ['assistant', 'assistant'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['model', 'assistant'],
  ['tool', 'tool'],
  ['function', 'tool'],
  ['observation', 'tool'],
  ['ipython', 'tool'],
]);

/** Turns that call a tool, or are an answer of one, where a template has no place for them. */
const calls = new Set(['function_call', 'tool_call']);

/** What the turns are to be: how they end, and whether tools may speak. */
export interface TurnsWanted {
  readonly ends: 'assistant' | 'user';
  readonly tools?: 'keep' | 'reject';
}

/**
 * Turns of a list, `{ role, content }` or `{ from, value }`, in their one spelling; undefined, with what is wrong noted, where they are not
 * a dialogue: the system first or not at all, then user and assistant in turn. Tools may speak after the assistant.
 */
export function parseTurns(
  value: unknown,
  field: string,
  wanted: TurnsWanted,
  note: Note,
): readonly ChatTurn<ChatRole | 'tool'>[] | undefined {
  if (!Array.isArray(value)) {
    const expected = 'a list of { role, content } or { from, value }';
    note({ kind: 'wrong type', field, received: shown(value), expected });
    return undefined;
  }
  const turns: ChatTurn<ChatRole | 'tool'>[] = [];
  for (const [index, item] of (value as readonly unknown[]).entries()) {
    const turn = parseTurn(item, `${field}[${index}]`, wanted.tools === 'keep', note);
    if (turn !== undefined) turns.push(turn);
  }
  // Where a turn cannot be read, nobody knows the order of those around it.
  if (turns.length < value.length) return undefined;
  return checkTurns(turns, field, wanted, note) ? turns : undefined;
}

function parseTurn(
  item: unknown,
  field: string,
  keepTools: boolean,
  note: Note,
): ChatTurn<ChatRole | 'tool'> | undefined {
  if (!isRow(item)) {
    note({ kind: 'wrong type', field, received: shown(item), expected: '{ role, content } or { from, value }' });
    return undefined;
  }
  const name = item['role'] ?? item['from'];
  const content = item['content'] ?? item['value'];
  if (typeof name !== 'string') {
    const expected = 'role (or from): who speaks';
    note({ kind: name === undefined ? 'missing field' : 'wrong type', field, received: shown(item), expected });
    return undefined;
  }
  const role = roles.get(name);
  const called = item['tool_calls'] ?? item['function_call'];
  if (calls.has(name) || (called !== undefined && called !== null && !(Array.isArray(called) && called.length === 0))) {
    const expected = 'turns of text: a call of a tool is no text that a template can write';
    note({ kind: 'tool turn', field, received: calls.has(name) ? name : shown(called), expected });
    return undefined;
  }
  if (role === undefined) {
    note({ kind: 'unknown role', field, received: shown(name), expected: 'system, user (human) or assistant (gpt)' });
    return undefined;
  }
  if (role === 'tool' && !keepTools) {
    const fix = "{ tools: 'keep' } keeps it as a turn of the role tool, for a template that has one";
    note({ kind: 'tool turn', field, received: name, expected: 'turns of system, user and assistant', fix });
    return undefined;
  }
  if (typeof content !== 'string') {
    const kind = content === undefined ? 'missing field' : 'wrong type';
    note({ kind, field, received: shown(content), expected: 'content (or value): a text' });
    return undefined;
  }
  return { role, content };
}

/** Whether turns are in order, none of user and assistant empty; notes each that is not. */
export function checkTurns(
  turns: readonly ChatTurn<ChatRole | 'tool'>[],
  field: string,
  { ends }: TurnsWanted,
  note: Note,
): boolean {
  let isRight = true;
  const wrong: Note = (fault) => {
    isRight = false;
    note(fault);
  };
  turns.forEach(({ role, content }, index) => {
    const at = `${field}[${index}]`;
    const before = turns[index - 1]?.role;
    if (role === 'system' && index > 0) {
      wrong({
        kind: 'system in the middle',
        field: at,
        received: `system after ${before ?? ''}`,
        expected: 'it first',
      });
    } else if (role !== 'system' && (before === undefined || before === 'system') && role !== 'user') {
      wrong({ kind: 'does not begin with the user', field: at, received: role, expected: 'a turn of the user' });
    } else if (role === before && role !== 'tool') {
      const expected = role === 'user' ? 'the assistant after the user' : 'the user after the assistant';
      wrong({ kind: 'two turns of one role', field: at, received: `${role} after ${role}`, expected });
    } else if (before === 'tool' && role === 'user') {
      wrong({ kind: 'two turns of one role', field: at, received: 'user after tool', expected: 'the assistant' });
    } else if (before === 'user' && role === 'tool') {
      wrong({ kind: 'tool turn', field: at, received: 'tool after user', expected: 'a tool after the assistant' });
    }
    if (content.trim() !== '') return;
    if (role === 'assistant') wrong({ kind: 'empty answer', field: at, received: shown(content), expected: 'a text' });
    if (role === 'user') wrong({ kind: 'empty prompt', field: at, received: shown(content), expected: 'a text' });
  });
  const last = turns.at(-1)?.role;
  if (last !== ends) {
    const kind = ends === 'user' ? 'does not end with the user' : 'does not end with the assistant';
    wrong({ kind, field, received: last ?? 'no turns', expected: `a last turn of the ${ends}` });
  }
  return isRight;
}
