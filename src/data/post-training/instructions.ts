// {"instruction": "Name the colour.", "input": "grass", "output": "Green."}
// {"指令": "写出颜色。", "输入": "草", "输出": "绿色。"}
import type { Source } from '../read/inputs.js';
import type { Row } from '../read/row.js';
import type { Note } from './fault.js';
import { shown } from './fault.js';
import { optionalText, ownField, requireText } from './fields.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
import type { ChatTurn } from './turns.js';

/** What is asked for, what it is asked of, and the answer, as Alpaca has them (Taori et al. 2023). */
export interface InstructionContent {
  readonly kind: 'instruction';
  /** As `parseFields(alpaca, row.fields)` takes them; `input` is empty where there is none. */
  readonly fields: { readonly instruction: string; readonly input: string; readonly output: string };
}

export type InstructionRow = InstructionContent & RowOrigin;

export type InstructionOptions = RowOptions<'instruction' | 'input' | 'output'>;

/**
 * Reads instructions with their answers: Alpaca's layout, fields of any name. Each row is checked, and no row twice taken.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows, report } = await readInstructions('alpaca_data.json', { onBadRow: 'reject' });
 * const learnt = rows.map(({ fields }) => parseFields(alpaca, fields));
 * const chinese = await readInstructions('zh.jsonl', { fields: { instruction: '指令', input: '输入', output: '输出' } });
 */
export function readInstructions(
  source: Source,
  options: InstructionOptions = {},
): Promise<PostTrainingData<InstructionRow>> {
  const { instruction = 'instruction', input = 'input', output = 'output' } = options.fields ?? {};
  return readRows('readInstructions', source, options, (row, note) => {
    const asked = instructionOf(row, { instruction, input }, note);
    const answer = requireText(row, output, 'empty answer', note);
    if (asked === undefined || answer === undefined) return [];
    return [{ kind: 'instruction', fields: { ...asked, output: answer } } as const];
  });
}

/** The part of an instruction that is asked. Turns before it have no place in this layout, and are never dropped unseen. */
export function instructionOf(
  row: Row,
  names: { readonly instruction: string; readonly input: string },
  note: Note,
): { readonly instruction: string; readonly input: string } | undefined {
  const instruction = requireText(row, names.instruction, 'empty prompt', note);
  const input = optionalText(row, names.input, note);
  for (const field of ['history', 'system'] as const) {
    const value = ownField(row, field);
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) continue;
    const fix = 'write the row as messages, for readConversations';
    note({ kind: 'another format', field, received: shown(value), expected: 'an instruction alone', fix });
    return undefined;
  }
  return instruction === undefined || input === undefined ? undefined : { instruction, input };
}

/** What is asked as one text: the instruction, and the input after a blank line. */
export function askedText({ instruction, input }: { readonly instruction: string; readonly input: string }): string {
  return input === '' ? instruction : `${instruction}\n\n${input}`;
}

/**
 * An instruction as turns of a chat: the user asks, the assistant answers.
 *
 * @example
 * const conversations = rows.map((row) => parseConversation(chatMl, instructionTurns(row)));
 */
export function instructionTurns({ fields }: InstructionContent): readonly [ChatTurn<'user'>, ChatTurn<'assistant'>] {
  return [
    { role: 'user', content: askedText(fields) },
    { role: 'assistant', content: fields.output },
  ];
}
