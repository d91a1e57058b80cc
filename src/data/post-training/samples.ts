// {"prompt": "Name a colour.", "answers": ["Seven.", "Red."]}
// {"id": "colour-1", "language": "en", "prompt": [{"role": "user", "content": "Name a colour."}],
//  "answers": [{"text": "Seven.", "model": "base"}, {"text": "Red.", "model": "sft", "run": "runs/sft/3f2a", "step": 200}]}
import type { Source } from '../read/inputs.js';
import type { Json } from '../../files.js';
import { isRow } from '../read/row.js';
import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { fieldsOf, ownField } from './fields.js';
import { promptOf } from './prompt-turns.js';
import { stated } from './rankings.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
import type { ChatTurn } from './turns.js';

/** Which model wrote an answer, and where it came from. */
export interface AnswerOrigin {
  readonly id?: string;
  readonly model?: string;
  readonly run?: string;
  readonly step?: number;
}

/** An answer that somebody is to rank. */
export interface SampleAnswer extends AnswerOrigin {
  readonly text: string;
}

/** A prompt and answers to it, which nobody has ranked yet. */
export interface SampleContent {
  readonly kind: 'sample';
  /** What the file calls it. */
  readonly name?: string;
  /** The last turn is the user's. */
  readonly prompt: readonly ChatTurn[];
  /** Two to nine, all different. */
  readonly answers: readonly SampleAnswer[];
}

export type SampleRow = SampleContent & RowOrigin;

export type SampleRowOptions = RowOptions<'prompt' | 'answers'>;

/** More answers than this nobody ranks well, and no keyboard has a digit for. */
export const mostAnswers = 9;

/**
 * Reads samples to rank: a prompt, as a text or turns, with two to nine answers, each a text or `{ text, id, model, run, step }`. What
 * `writeSamples` writes, and `trainbook label` shows.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows } = await readSamples('samples.jsonl');
 * rows[0]; // { kind: 'sample', prompt: [{ role: 'user', content: 'Name a colour.' }], answers: [{ text: 'Seven.' }, { text: 'Red.' }], … }
 */
export function readSamples(source: Source, options: SampleRowOptions = {}): Promise<PostTrainingData<SampleRow>> {
  const { prompt: promptField = 'prompt', answers: answersField = 'answers' } = options.fields ?? {};
  return readRows('readSamples', source, options, (row, note) => {
    const prompt = promptOf(row, promptField, note);
    const answers = answersOf(row, answersField, note);
    if (prompt === undefined || answers === undefined) return [];
    const name = stated(row, 'id');
    return [{ kind: 'sample', ...(name === undefined ? {} : { name }), prompt, answers } as const];
  });
}

function answersOf(row: Row, field: string, note: Note): readonly SampleAnswer[] | undefined {
  const value = ownField(row, field);
  const expected = `a list of 2 to ${mostAnswers} answers`;
  if (!Array.isArray(value)) {
    const received = value === undefined ? fieldsOf(row) : shown(value);
    note({ kind: value === undefined ? 'missing field' : 'wrong type', field, received, expected });
    return undefined;
  }
  if (value.length < 2 || value.length > mostAnswers) {
    note({ kind: 'number of answers', field, received: String(value.length), expected });
    return undefined;
  }
  const answers = (value as readonly Json[]).flatMap((answer, at) => answerOf(answer, `${field}[${at}]`, note) ?? []);
  if (answers.length < value.length) return undefined;
  const texts = answers.map(({ text }) => text);
  const again = texts.findIndex((text, at) => texts.indexOf(text) < at);
  if (again < 0) return answers;
  const received = `${shown(texts[again])} as ${field}[${texts.indexOf(texts[again] ?? '')}] and [${again}]`;
  const fix = 'writeSamples leaves out what is there already';
  note({ kind: 'equal answers', field: `${field}[${again}]`, received, expected: 'each answer once', fix });
  return undefined;
}

function answerOf(value: Json, field: string, note: Note): SampleAnswer | undefined {
  const row: Row | undefined = typeof value === 'string' ? { text: value } : isRow(value) ? value : undefined;
  const text = row?.['text'] ?? row?.['content'];
  if (row === undefined || typeof text !== 'string') {
    note({ kind: 'wrong type', field, received: shown(value), expected: 'a text, or { text, model, run, step }' });
    return undefined;
  }
  if (text.trim() === '') {
    note({ kind: 'empty answer', field, received: shown(text), expected: 'a text that is not empty' });
    return undefined;
  }
  return { text, ...originOf(row) };
}

/** Who wrote an answer, as far as it says so. */
export function originOf(row: Row): AnswerOrigin {
  const [id, model, run] = [stated(row, 'id'), stated(row, 'model'), stated(row, 'run')];
  const step = ownField(row, 'step');
  return {
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    ...(run === undefined ? {} : { run }),
    ...(typeof step === 'number' ? { step } : {}),
  };
}
