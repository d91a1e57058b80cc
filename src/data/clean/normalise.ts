import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';

/** One rule: how often it would change the text, and the text after it. */
interface Rule {
  /** What is counted, in the plural. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

export interface NormaliseOptions {
  /**
   * Unicode normal form (UAX #15). `NFC`, the default: é is one character, not e and an accent. `NFKC`: also ﬁ is f and i, ² is 2 and full-width
   * letters are plain ones; what such forms said is lost.
   */
  readonly form?: 'NFC' | 'NFKC';
  /**
   * Takes out characters without width that only lay out text: zero-width spaces and joiners, soft hyphens, directional marks. Joiners that
   * Indic and Arabic scripts and emoji spell with stay. Default true.
   */
  readonly zeroWidth?: boolean;
  /** For Chinese: full-width letters, digits and the ideographic space become plain ones (`ＡＢＣ１２３`); punctuation stays full-width. Default false. */
  readonly fullWidth?: boolean;
}

// UAX #15 has no rule for them: they come from web pages and word processors.
const zeroWidth: Rule = {
  name: 'zero-width characters',
  pattern:
    /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]|(?<![\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Mongolian}\p{Extended_Pictographic}\p{Mn}\ufe0f])[\u200c\u200d]+/gu,
  replacement: '',
};

/** In this order: each sees the text that the rules before it left. */
const rulesBefore: readonly Rule[] = [
  { name: 'line ends', pattern: /\r\n?|[\u0085\u2028\u2029]/gu, replacement: '\n' },
  // All controls but tab and line feed; and the byte-order mark, wherever files were joined.
  { name: 'control characters', pattern: /[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff]/gu, replacement: '' },
];
const rulesAfter: readonly Rule[] = [
  { name: 'trailing spaces', pattern: /(?<=^|\S)[^\S\n]+$/gmu, replacement: '' },
  // Indentation stays: it is the form of verse and of code.
  { name: 'runs of spaces', pattern: /(?<=\S) {2,}/gu, replacement: ' ' },
  { name: 'runs of blank lines', pattern: /\n{3,}/gu, replacement: '\n\n' },
  { name: 'outer blank lines', pattern: /^\n+|\n+$/gu, replacement: '' },
];

/**
 * Brings texts to one form, so that equal texts are equal strings: a Unicode normal form, line ends as line feeds, no control
 * and zero-width characters, no spaces at the end of a line, one space within a line, at most one blank line, none at the start
 * and end. Spaces that begin a line stay. Each change is counted by its rule; a text of which nothing is left is dropped.
 *
 * @example
 * await load('my.txt').through(normalise({ fullWidth: true }));
 */
export function normalise(options: NormaliseOptions = {}): LocalStep {
  return localStep(
    'normalise',
    (document): Verdict => {
      const { text, changes } = normaliseText(document.text, options);
      if (text === '') return { drop: 'no text after normalising' };
      return text === document.text ? { keep: document } : { keep: { ...document, text }, changes };
    },
    { module: import.meta.url, name: 'normalise', options: [options] },
  );
}

/** The text in its normal form, and how often each rule changed it. Applied again, it changes nothing. */
export function normaliseText(
  text: string,
  { form = 'NFC', zeroWidth: takesZeroWidth = true, fullWidth = false }: NormaliseOptions = {},
): { readonly text: string; readonly changes: Readonly<Record<string, number>> } {
  const changes: Record<string, number> = {};
  const apply = (current: string, { name, pattern, replacement }: Rule): string => {
    let count = 0;
    const changed = current.replace(pattern, () => {
      count++;
      return replacement;
    });
    if (count > 0) changes[name] = (changes[name] ?? 0) + count;
    return changed;
  };
  let current = rulesBefore.reduce(apply, text);
  if (fullWidth) {
    current = current.replace(/[０-９Ａ-Ｚａ-ｚ\u3000]/gu, (wide) => {
      changes['full-width characters'] = (changes['full-width characters'] ?? 0) + 1;
      return wide === '\u3000' ? ' ' : String.fromCharCode(wide.charCodeAt(0) - 0xfee0);
    });
  }
  // Characters that are taken out bring others together, and composed ones may lose the mark that a joiner stood behind.
  for (let before: string | undefined; before !== current;) {
    before = current;
    if (takesZeroWidth) current = apply(current, zeroWidth);
    const composed = current.normalize(form);
    const name = `characters composed (${form})`;
    if (composed !== current) changes[name] = (changes[name] ?? 0) + countDifferences(current, form);
    current = composed;
  }
  return { text: rulesAfter.reduce(apply, current), changes };
}

/** How many characters, with the marks that follow them, are not in the normal form. */
function countDifferences(text: string, form: 'NFC' | 'NFKC'): number {
  let count = 0;
  // A run of non-ASCII characters and the letter before it: composition does not reach further.
  for (const [run] of text.matchAll(/[\0-\x7f]?[^\0-\x7f]+/gu)) if (run.normalize(form) !== run) count++;
  return Math.max(count, 1);
}
