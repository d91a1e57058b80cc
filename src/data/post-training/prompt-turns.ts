import type { Row } from '../read/row.js';
import type { Json } from '../../files.js';
import { isRow } from '../read/row.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { fieldsOf, optionalText, ownField } from './fields.js';
import { humanAssistantTurns, isHumanAssistant } from './human-assistant.js';
import { askedText, instructionOf } from './instructions.js';
import { checkTurns, parseTurns } from './turns.js';
import type { ChatTurn } from './turns.js';

/**
 * What an answer is due to: the turns of a prompt, the last of them the user's. The field `prompt` (or as it is named) has a text, a
 * dialogue of HH that ends with `Assistant:`, or a list of turns; else `conversations` or `messages` has the turns, or `instruction` and
 * `input` the question. A text in the field `system` is put first.
 */
export function promptOf(row: Row, name: string, note: Note): readonly ChatTurn[] | undefined {
  const field = [name, 'conversations', 'messages'].find((one) => ownField(row, one) !== undefined);
  if (field === undefined) {
    if (ownField(row, 'instruction') === undefined) {
      note({ kind: 'missing field', field: name, received: fieldsOf(row), expected: `${name}: a text or turns` });
      return undefined;
    }
    const asked = instructionOf(row, { instruction: 'instruction', input: 'input' }, note);
    return asked === undefined ? undefined : [{ role: 'user', content: askedText(asked) }];
  }
  const value = ownField(row, field);
  const first = systemTurns(row, note);
  if (first === undefined) return undefined;
  if (typeof value === 'string') {
    const turns = [...first, ...promptText(value)];
    return checkTurns(turns, field, { ends: 'user' }, note) ? turns : undefined;
  }
  const given = Array.isArray(value) ? [...first, ...(value as readonly Json[])] : value;
  return parseTurns(given, field, { ends: 'user' }, note) as readonly ChatTurn[] | undefined; // tools are rejected
}

/** The text of the field `system` as the turn that comes first, if there is one; undefined, and noted, where it is no text. */
export function systemTurns(row: Row, note: Note): readonly ChatTurn<'system'>[] | undefined {
  const content = optionalText(row, 'system', note);
  if (content === undefined) return undefined;
  return content === '' ? [] : [{ role: 'system', content }];
}

function promptText(text: string): readonly ChatTurn[] {
  if (!isHumanAssistant(text)) return [{ role: 'user', content: text }];
  const turns = humanAssistantTurns(text);
  const last = turns.at(-1);
  return last?.role === 'assistant' && last.content === '' ? turns.slice(0, -1) : turns;
}

/** An answer: a text, `{ role: 'assistant', content }`, or a list of that one turn. Undefined, and noted, where it is none. */
export function answerOf(row: Row, field: string, note: Note): string | undefined {
  const value = ownField(row, field);
  if (value === undefined) {
    const expected = `${field}: an answer, as a text or a turn of the assistant`;
    note({ kind: 'missing field', field, received: fieldsOf(row), expected });
    return undefined;
  }
  const turn = typeof value === 'string' ? { role: 'assistant', content: value } : onlyTurn(value);
  const name = turn?.['role'] ?? turn?.['from'];
  const content = turn?.['content'] ?? turn?.['value'];
  if ((name !== 'assistant' && name !== 'gpt') || typeof content !== 'string') {
    const expected = 'a text, or one turn of the assistant';
    note({ kind: 'wrong type', field, received: shown(value), expected });
    return undefined;
  }
  if (content.trim() !== '') return content;
  note({ kind: 'empty answer', field, received: shown(content), expected: 'a text that is not empty' });
  return undefined;
}

function onlyTurn(value: Json): Row | undefined {
  const [turn, ...others] = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return isRow(turn) && others.length === 0 ? turn : undefined;
}
