import type { ConversationContent } from '../data/post-training/conversations.js';
import { instructionTurns } from '../data/post-training/instructions.js';
import type { InstructionContent } from '../data/post-training/instructions.js';
import type { RowOrigin } from '../data/post-training/read-rows.js';
import type { ChatTemplate, Order } from './chat-template.js';
import { parseConversation, parseFields } from './conversation.js';
import type { Conversation } from './conversation.js';

/** What answers can be learnt from: a conversation of a template, or a row as `readInstructions` and `readConversations` give it. */
export type AnsweredRow<O extends Order = Order> =
  Conversation<O> | ((InstructionContent | ConversationContent<string>) & Partial<RowOrigin>);

/**
 * A row as a conversation of a template. An instruction takes the template's fields where it has them (`alpaca`, `plainFields`), else it is
 * a question of the user and an answer of the assistant.
 *
 * @param where what errors begin with, where the row does not know its file
 * @throws TrainbookError if the row's roles are not in the template's order
 * @example
 * const { rows } = await readInstructions('alpaca_data.json');
 * const learnt = rows.map((row) => conversationOf(chatMl, row));
 */
export function conversationOf<O extends Order>(
  template: ChatTemplate<O>,
  row: AnsweredRow<O>,
  where = 'conversationOf',
): Conversation<O> {
  if (!('kind' in row)) return parseConversation(template, row, where);
  const place = rowName(row, where);
  if (row.kind === 'conversation') return parseConversation(template, row.turns, place);
  return 'instruction' in template.order.next
    ? parseFields(template, row.fields, place)
    : parseConversation(template, instructionTurns(row), place);
}

/** `chats.jsonl:17`, or the name given where a row does not know its place. */
export function rowName(row: AnsweredRow, otherwise: string): string {
  return 'place' in row && row.place !== undefined ? `${row.place.file}:${row.place.row}` : otherwise;
}
