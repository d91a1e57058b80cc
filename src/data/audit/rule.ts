import { TrainbookError } from '../../error.js';
import type { Verdict } from '../step.js';

/** The rules by which a step acted on a document. */
export function rulesOf(verdict: Verdict): readonly string[] {
  return 'drop' in verdict ? [verdict.drop] : Object.keys(verdict.changes ?? {});
}

/**
 * The rule that is meant by a word: the one of this name, or the only one whose name has the word in it.
 *
 * @param counts the rules that were met, with how many documents each acted on
 * @throws TrainbookError that lists them
 */
export function ruleNamed(who: string, word: string, counts: ReadonlyMap<string, number>): string {
  if (counts.has(word)) return word;
  const close = [...counts.keys()].filter((rule) => rule.toLowerCase().includes(word.toLowerCase()));
  const [first] = close;
  if (first !== undefined && close.length === 1) return first;
  const listed = [...counts].sort(([, a], [, b]) => b - a).map(([rule, count]) => `${rule} (${count})`);
  throw new TrainbookError({
    what: `${who}: ${close.length === 0 ? 'no document was met by' : `${close.length} rules are meant by`} this rule`,
    received: word,
    expected: listed.length === 0 ? 'a step that acts on some document' : `one of ${listed.join(', ')}`,
    fix: 'give the name of the rule as the ledger has it',
  });
}
