import { TrainbookError } from '../../error.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { judgeFound } from './found-words.js';
import type { FoundAction } from './found-words.js';
import type { FoundWord } from './word-list.js';

export interface ProfanityOptions extends FoundAction {
  /** What is looked for, as regular expressions: found where it stands, in any case if the expression says so (`/\bdamn\w*\b/i`). */
  readonly patterns: readonly RegExp[];
}

/**
 * Finds, masks or drops by regular expressions: for forms that a list cannot say, such as all words of a stem. For lists of words
 * `sensitiveWords` is faster.
 *
 * @throws TrainbookError for an expression that matches the empty string.
 * @example
 * await load('mail.jsonl').through(profanity({ patterns: [/\bd[a@]mn(?:ed|s)?\b/i, /他妈的?/], action: 'mask' }));
 */
export function profanity(options: ProfanityOptions): LocalStep {
  const patterns = options.patterns.map((pattern) => {
    if (new RegExp(pattern.source, pattern.flags).test('')) {
      throw new TrainbookError({
        what: 'profanity: an expression that matches nothing at all matches everywhere',
        received: String(pattern),
        expected: 'an expression that needs at least one character',
      });
    }
    return new RegExp(pattern.source, [...new Set(`${pattern.flags}g`)].filter((flag) => flag !== 'y').join(''));
  });
  return localStep(
    'profanity',
    (document): Verdict => judgeFound('profanity', document, matches(document.text, patterns), options),
    { module: import.meta.url, name: 'profanity', options: [options] },
  );
}

/** From left to right; of overlapping ones the first. */
function matches(text: string, patterns: readonly RegExp[]): readonly FoundWord[] {
  const all = patterns.flatMap((pattern) =>
    Array.from(text.matchAll(pattern), ({ 0: word, index }) => ({ start: index, end: index + word.length, word })),
  );
  const found: FoundWord[] = [];
  for (const match of all.filter(({ word }) => word !== '').sort((a, b) => a.start - b.start || b.end - a.end))
    if (match.start >= (found.at(-1)?.end ?? 0)) found.push(match);
  return found;
}
