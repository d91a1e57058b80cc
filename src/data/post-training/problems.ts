// {"question": "… How many are left?", "answer": "He has 50 - 8 = <<50-8=42>>42 left.\n#### 42"}
// {"problem": "…", "solution": "… so the answer is \\boxed{42}."}
// {"question": "…", "solution": "…", "answer": "42"}
import type { Source } from '../read/inputs.js';
import type { Row } from '../read/row.js';
import { statedAnswer, solutionBefore } from './stated-answer.js';
import type { ExactAnswer } from './stated-answer.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { fieldsOf, optionalText, ownField, requireText } from './fields.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';

/** A question whose answer is a number: it can be verified. */
export interface ProblemContent {
  readonly kind: 'problem';
  readonly question: string;
  /** The way to the answer, as the data have it, without the mark; empty where there is none. */
  readonly solution: string;
  readonly answer: ExactAnswer;
}

export type ProblemRow = ProblemContent & RowOrigin;

export type ProblemOptions = RowOptions<'question' | 'solution' | 'answer'>;

/**
 * Reads problems with exact answers: GSM8K's `question` and `answer` with `#### 42` at its end, `problem` and `solution` with
 * `\boxed{42}`, or an `answer` that is the number, as a text or as a number, beside a `solution` or without one.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows } = await readProblems('reasoning_gym');
 * rows[0]?.answer; // { text: '405', value: 405 }
 */
export function readProblems(source: Source, options: ProblemOptions = {}): Promise<PostTrainingData<ProblemRow>> {
  const { fields } = options;
  return readRows('readProblems', source, options, (row, note) => {
    const named = fields?.question ?? (ownField(row, 'question') === undefined ? 'problem' : 'question');
    const questionField = ownField(row, named) === undefined ? (fields?.question ?? 'question') : named;
    const question = requireText(row, questionField, 'empty prompt', note);
    const solved = solutionOf(row, fields?.solution ?? 'solution', fields?.answer ?? 'answer', note);
    return question === undefined || solved === undefined ? [] : [{ kind: 'problem', question, ...solved } as const];
  });
}

function solutionOf(
  row: Row,
  solutionField: string,
  answerField: string,
  note: Note,
): Pick<ProblemContent, 'solution' | 'answer'> | undefined {
  const given = optionalText(row, solutionField, note);
  if (given === undefined) return undefined;
  const field = ownField(row, answerField) === undefined && given !== '' ? solutionField : answerField;
  const value = ownField(row, field);
  if (value === undefined) {
    const expected = `${answerField}: a number, or a text that ends with #### and a number`;
    note({ kind: 'missing field', field: answerField, received: fieldsOf(row), expected });
    return undefined;
  }
  if (typeof value !== 'string' && typeof value !== 'number') {
    note({ kind: 'wrong type', field, received: shown(value), expected: 'a text or a number' });
    return undefined;
  }
  const stated = String(value);
  if (stated.trim() === '') {
    note({ kind: 'empty answer', field, received: shown(value), expected: 'a number' });
    return undefined;
  }
  const answer = statedAnswer(stated);
  if (answer === undefined) {
    const expected = 'a number alone, after #### or in \\boxed{}';
    note({ kind: 'no number in the answer', field, received: shown(stated.slice(-60)), expected });
    return undefined;
  }
  const way = given === '' ? stated : given;
  return { solution: solutionBefore(way) || (given === '' ? '' : given), answer };
}
