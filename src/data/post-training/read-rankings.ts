import type { Source } from '../read/inputs.js';
import { hash } from '../../files.js';
import { fieldsOf } from './fields.js';
import { isWithdrawn, judgementName, rankedOf, stated } from './rankings.js';
import type { Ranked } from './rankings.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';

/** How one annotator ranks the answers of a sample, in one respect. */
export interface RankingContent extends Ranked {
  readonly kind: 'ranking';
  /** Rankings of the same prompt and answers have the same, whoever judged. */
  readonly sample: string;
  /** Such as `safety`; `preference` where the row does not say. */
  readonly dimension: string;
  readonly annotator: string;
}

export type RankingRow = RankingContent & RowOrigin;

/** What is judged where nothing else is asked for. */
export const usualDimension = 'preference';

/**
 * Reads who ranked what how, as `trainbook label` writes it: for each annotator, sample and dimension what was said last. Judgements that
 * were taken back or left out are not given. `readPreferences` reads the same files as pairs to train on.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows } = await readRankings('samples.rankings/*.jsonl');
 * rows[0]; // { kind: 'ranking', annotator: 'mei', dimension: 'safety', answers: ['Seven.', 'Red.'], ranks: [1, 0], … }
 */
export function readRankings(
  source: Source,
  options: RowOptions<'prompt'> = {},
): Promise<PostTrainingData<RankingRow>> {
  const parse: Parameters<typeof readRows<RankingContent>>[3] = (row, note) => {
    const annotator = stated(row, 'annotator');
    if (annotator === undefined) {
      const expected = 'annotator: who judged';
      note({ kind: 'missing field', field: 'annotator', received: fieldsOf(row), expected });
      return [];
    }
    if (isWithdrawn(row)) return [];
    const ranked = rankedOf(row, options.fields?.prompt ?? 'prompt', note);
    if (ranked === undefined) return [];
    const { prompt, answers } = ranked;
    const sample = stated(row, 'sample') ?? hash(JSON.stringify({ prompt, answers }));
    const dimension = stated(row, 'dimension') ?? usualDimension;
    return [{ kind: 'ranking', sample, dimension, annotator, ...ranked }];
  };
  return readRows('readRankings', source, options, parse, judgementName);
}
