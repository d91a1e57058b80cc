// {"prompt": "Name a colour.", "completion": "Red.", "label": true}
import type { Source } from '../read/inputs.js';
import { shown } from './fault.js';
import { fieldsOf, ownField } from './fields.js';
import { answerOf, promptOf } from './prompt-turns.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
import type { ChatTurn } from './turns.js';

/** One answer, and whether it is wanted: what KTO learns from (Ethayarajh et al. 2024, 2402.01306). */
export interface FeedbackContent {
  readonly kind: 'feedback';
  /** The last turn is the user's. */
  readonly prompt: readonly ChatTurn[];
  readonly completion: string;
  /** Whether the answer is a wanted one. */
  readonly label: boolean;
}

export type FeedbackRow = FeedbackContent & RowOrigin;

export type FeedbackOptions = RowOptions<'prompt' | 'completion' | 'label'>;

/**
 * Reads answers that people called good or bad. The prompt is a text or turns; the label is `true` or `false` (in CSV the words), and
 * nothing else: whether 0.7 or `"good"` is wanted is for the data's owner to say.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows } = await readFeedback('kto.jsonl');
 * const wanted = rows.filter(({ label }) => label);
 * const judged = await readFeedback('labels.jsonl', { fields: { prompt: 'question', completion: 'solution', label: 'correct' } });
 */
export function readFeedback(source: Source, options: FeedbackOptions = {}): Promise<PostTrainingData<FeedbackRow>> {
  const {
    prompt: promptField = 'prompt',
    completion: answerField = 'completion',
    label: field = 'label',
  } = options.fields ?? {};
  return readRows('readFeedback', source, options, (row, note) => {
    const prompt = promptOf(row, promptField, note);
    const completion = answerOf(row, answerField, note);
    const value = ownField(row, field);
    const label = typeof value === 'string' ? words.get(value.trim().toLowerCase()) : value;
    if (value === undefined) {
      note({ kind: 'missing field', field, received: fieldsOf(row), expected: `${field}: true or false` });
    } else if (typeof label !== 'boolean') {
      note({ kind: 'label not boolean', field, received: shown(value), expected: 'true or false' });
    }
    if (prompt === undefined || completion === undefined || typeof label !== 'boolean') return [];
    return [{ kind: 'feedback', prompt, completion, label } as const];
  });
}

const words = new Map([
  ['true', true],
  ['false', false],
]);
