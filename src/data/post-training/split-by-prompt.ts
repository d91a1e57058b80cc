import { permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { hash } from '../../files.js';
import { compareText } from '../document.js';
import { promptText } from './prompt.js';
import type { PostTrainingContent } from './prompt.js';

/** Rows in two parts that share no prompt. */
export interface SplitRows<T> {
  readonly train: readonly T[];
  readonly heldOut: readonly T[];
}

/**
 * Holds out rows by their prompts: of all different prompts the fraction `heldOut`, rounded, at least one. All rows of a prompt lie in one
 * part, so that no held-out prompt was ever trained on. Prompts are the same if they differ in white space and case alone. Which are held
 * out depends on the key and on what prompts there are, not on the order of the rows; in each part rows keep theirs.
 *
 * @throws TrainbookError if the fraction is not between 0 and 1, or there are fewer than two prompts.
 * @example
 * const { rows } = await readPreferences('dpo_demo');
 * const { train, heldOut } = splitByPrompt(rows, 0.1, key(7));
 */
export function splitByPrompt<T extends PostTrainingContent>(
  rows: readonly T[],
  heldOut: number,
  key: Key,
): SplitRows<T> {
  if (!(heldOut > 0 && heldOut < 1)) {
    throw new TrainbookError({
      what: 'splitByPrompt: no such fraction',
      received: heldOut,
      expected: 'a number above 0 and below 1',
      fix: '0.1 is usual',
    });
  }
  const nameOf = (row: T): string => hash(promptText(row).normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase());
  const names = rows.map(nameOf);
  const prompts = [...new Set(names)].sort(compareText);
  if (prompts.length < 2) {
    throw new TrainbookError({
      what: 'splitByPrompt: one part would have no prompt',
      received: `${rows.length} rows with ${prompts.length} different prompts`,
      expected: 'at least 2 prompts',
      fix: 'give more rows',
    });
  }
  const numHeld = Math.min(Math.max(Math.round(heldOut * prompts.length), 1), prompts.length - 1);
  const held = new Set(Array.from(permutation(key, prompts.length).slice(0, numHeld), (at) => prompts[at]));
  return {
    train: rows.filter((_, at) => !held.has(names[at])),
    heldOut: rows.filter((_, at) => held.has(names[at])),
  };
}
