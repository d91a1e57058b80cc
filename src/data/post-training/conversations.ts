// {"conversations": [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "Red."}]}
// {"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Red."}]}
import type { Json } from '../../files.js';
import type { Source } from '../read/inputs.js';
import { fieldsOf, ownField } from './fields.js';
import { systemTurns } from './prompt-turns.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
import { parseTurns } from './turns.js';
import type { ChatRole, ChatTurn } from './turns.js';

/** A dialogue that ends with an answer. */
export interface ConversationContent<R extends string = ChatRole> {
  readonly kind: 'conversation';
  /** As `parseConversation(chatMl, row.turns)` takes them. */
  readonly turns: readonly ChatTurn<R>[];
}

export type ConversationRow<R extends string = ChatRole> = ConversationContent<R> & RowOrigin;

export interface ConversationOptions extends RowOptions<'turns'> {
  /** Turns in which a tool answers: a fault (the default), or kept as turns of the role `tool`, for a template that has it. */
  readonly tools?: 'reject' | 'keep';
}

/**
 * Reads dialogues: ShareGPT's `conversations` (human, gpt) and `messages` (user, assistant), whichever a row has, or the field that
 * `fields.turns` names. A text in the field `system` beside the turns becomes the first of them. Roles are given in one spelling, so that
 * every template of system, user and assistant takes the turns.
 *
 * A row is wrong if a role is unknown, the system speaks in the middle, somebody speaks twice in a row, an answer or a question is empty, the
 * dialogue does not begin with the user (after the system) and end with the assistant, or it is there twice.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows, report } = await readConversations('sharegpt.json', { onBadRow: 'reject' });
 * console.log(report.text());
 * const learnt = rows.map(({ turns }) => parseConversation(chatMl, turns));
 */
export function readConversations(
  source: Source,
  options: ConversationOptions & { readonly tools: 'keep' },
): Promise<PostTrainingData<ConversationRow<ChatRole | 'tool'>>>;
export function readConversations(
  source: Source,
  options?: ConversationOptions & { readonly tools?: 'reject' },
): Promise<PostTrainingData<ConversationRow>>;
export function readConversations(
  source: Source,
  options: ConversationOptions = {},
): Promise<PostTrainingData<ConversationRow<ChatRole | 'tool'>>> {
  const { tools = 'reject', fields } = options;
  const names = fields?.turns === undefined ? ['messages', 'conversations'] : [fields.turns];
  return readRows('readConversations', source, options, (row, note) => {
    const field = names.find((name) => ownField(row, name) !== undefined);
    // A row of preferences has turns too, of the prompt alone.
    if (field === undefined || ('chosen' in row && 'rejected' in row)) {
      const expected = `${names.join(' or ')}: a list of turns`;
      note({ kind: 'missing field', field: names.join(' or '), received: fieldsOf(row), expected });
      return [];
    }
    const given = ownField(row, field);
    const first = systemTurns(row, note);
    if (first === undefined) return [];
    const value = Array.isArray(given) ? [...first, ...(given as readonly Json[])] : given;
    const turns = parseTurns(value, field, { ends: 'assistant', tools }, note);
    return turns === undefined ? [] : [{ kind: 'conversation', turns } as const];
  });
}
