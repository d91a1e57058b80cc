import type { Step, Verdict } from '../step.js';

/** One rule: how often it would change the text, and the text after it. */
interface Rule {
  /** What is counted, in the plural. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** In this order: each sees the text that the rules before it left. */
const rules: readonly Rule[] = [
  { name: 'line ends', pattern: /\r\n?|[\u0085\u2028\u2029]/gu, replacement: '\n' },
  // All controls but tab and line feed; and the byte-order mark, wherever files were joined.
  { name: 'control characters', pattern: /[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff]/gu, replacement: '' },
  { name: 'trailing spaces', pattern: /(?<=^|\S)[^\S\n]+$/gmu, replacement: '' },
  // Indentation stays: it is the form of verse and of code.
  { name: 'runs of spaces', pattern: /(?<=\S) {2,}/gu, replacement: ' ' },
  { name: 'runs of blank lines', pattern: /\n{3,}/gu, replacement: '\n\n' },
  { name: 'outer blank lines', pattern: /^\n+|\n+$/gu, replacement: '' },
];

/**
 * Brings texts to one form, so that equal texts are equal strings: Unicode normal form C (UAX #15: é is one character, not e and an accent),
 * line ends as line feeds, no control characters, no spaces at the end of a line, one space within a line, at most one blank
 * line, none at the start and end. Spaces that begin a line stay. Each change is counted by its rule; a text of which nothing
 * is left is dropped.
 *
 * @example
 * await load('my.txt').through(normalise());
 */
export function normalise(): Step {
  return {
    name: 'normalise',
    judge: (documents) =>
      documents.map((document): Verdict => {
        const { text, changes } = normaliseText(document.text);
        if (text === '') return { drop: 'no text after normalising' };
        return text === document.text ? { keep: document } : { keep: { ...document, text }, changes };
      }),
  };
}

/** The text in its normal form, and how often each rule changed it. Applied again, it changes nothing. */
export function normaliseText(text: string): {
  readonly text: string;
  readonly changes: Readonly<Record<string, number>>;
} {
  const changes: Record<string, number> = {};
  let current = text;
  for (const { name, pattern, replacement } of rules) {
    let count = 0;
    current = current.replace(pattern, () => {
      count++;
      return replacement;
    });
    if (count > 0) changes[name] = count;
  }
  const composed = current.normalize('NFC');
  if (composed !== current) changes['characters composed (NFC)'] = countDifferences(current);
  return { text: composed, changes };
}

/** How many characters, with the marks that follow them, are not in normal form C. */
function countDifferences(text: string): number {
  let count = 0;
  // A run of non-ASCII characters and the letter before it: composition does not reach further.
  for (const [run] of text.matchAll(/[\0-\x7f]?[^\0-\x7f]+/gu)) if (run.normalize('NFC') !== run) count++;
  return Math.max(count, 1);
}
