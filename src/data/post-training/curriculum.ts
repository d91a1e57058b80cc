import { TrainbookError } from '../../error.js';
import { numCharacters } from './prompt.js';
import type { PostTrainingContent } from './prompt.js';

/**
 * Rows from easy to hard (Bengio et al. 2009, "Curriculum learning"): by ascending length in characters, or by a score, such as a
 * perplexity, that a function gives. Rows of equal score keep their order.
 *
 * @throws TrainbookError if a score is no number.
 * @example
 * const short = curriculum(rows, 'length');
 * const familiar = curriculum(rows, ({ id }) => perplexities.get(id) ?? 0);
 */
export function curriculum<T extends PostTrainingContent>(rows: readonly T[], by: 'length'): readonly T[];
export function curriculum<T>(rows: readonly T[], by: (row: T, index: number) => number): readonly T[];
export function curriculum<T extends PostTrainingContent>(
  rows: readonly T[],
  by: 'length' | ((row: T, index: number) => number),
): readonly T[];
export function curriculum<T extends PostTrainingContent>(
  rows: readonly T[],
  by: 'length' | ((row: T, index: number) => number),
): readonly T[] {
  const scored = rows.map((row, index) => {
    const score = by === 'length' ? numCharacters(row) : by(row, index);
    if (!Number.isNaN(score)) return { row, score };
    throw new TrainbookError({
      what: 'curriculum: a score is no number',
      received: `${score} for row ${index}`,
      expected: 'a number for each row',
    });
  });
  return scored.sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0)).map(({ row }) => row);
}
