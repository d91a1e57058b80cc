import type { Document } from '../document.js';
import type { Verdict } from '../step.js';
import type { FoundWord } from './word-list.js';

/** What happens to documents in which words are found. */
export interface FoundAction {
  /**
   * `find`: they are kept as they are, the number of words is a score in the ledger. `mask`: each character of a word gives way to `█`.
   * `drop`: they are dropped; the ledger names the first word.
   */
  readonly action: 'find' | 'mask' | 'drop';
  /** With `drop`: how many words are still kept; 0 by default. */
  readonly most?: number;
}

/** The verdict on a document in which these words were found, from left to right. */
export function judgeFound(
  name: string,
  document: Document,
  found: readonly FoundWord[],
  { action, most = 0 }: FoundAction,
): Verdict {
  const [first] = found;
  if (first === undefined) return { keep: document };
  if (action === 'mask') {
    return {
      keep: { ...document, text: masked(document.text, found) },
      changes: { [name]: found.length },
      evidence: { [name]: first.word },
    };
  }
  if (action === 'drop' && found.length > most) return { drop: name, score: found.length, evidence: first.word };
  return { keep: document, scores: { [name]: found.length } };
}

/** Block characters stand in no word, so that masking brings no new word about. */
function masked(text: string, found: readonly FoundWord[]): string {
  let result = '';
  let from = 0;
  for (const { start, end } of found) {
    result += text.slice(from, start) + '█'.repeat(Array.from(text.slice(start, end)).length);
    from = end;
  }
  return result + text.slice(from);
}
