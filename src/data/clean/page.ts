import { IS_HAN, wordsOf } from './words.js';
import type { Words } from './words.js';

/** A text as the rules of a filter see it. What several rules ask for is counted once. */
export interface Page {
  readonly text: string;
  /** Code points: what Python calls the length of a string. */
  readonly characters: number;
  readonly words: Words;
  /** Whether more than a third of its words are Han or Kana characters: then characters stand for words. */
  readonly isChinese: boolean;
}

let last: Page | undefined;

/** The page of a text; its words are good until the next page is made. */
export function pageOf(text: string): Page {
  if (last?.text === text) return last;
  const words = wordsOf(text);
  let numHan = 0;
  for (let word = 0; word < words.count; word++) if (((words.flags[word] ?? 0) & IS_HAN) !== 0) numHan++;
  last = { text, characters: countCodePoints(text), words, isChinese: 3 * numHan > words.count };
  return last;
}

export function countCodePoints(text: string): number {
  let count = text.length;
  if (!/[\uDC00-\uDFFF]/.test(text)) return count;
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const before = text.charCodeAt(index - 1);
    if (code >= 0xdc00 && code < 0xe000 && before >= 0xd800 && before < 0xdc00) count--;
  }
  return count;
}

/** The lines as Python's `str.splitlines` gives them: an end at the very end makes no line more. */
export function splitLines(text: string): readonly string[] {
  const lines = text.split(/\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/u);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** How many parts are equal to one before them, and how many characters those have. */
export function repeats(parts: readonly string[]): { readonly count: number; readonly characters: number } {
  const seen = new Set<string>();
  let count = 0;
  let characters = 0;
  for (const part of parts) {
    if (seen.has(part)) {
      count++;
      characters += countCodePoints(part);
    } else seen.add(part);
  }
  return { count, characters };
}

/** How often `sign` stands in the text, without overlap. */
export function occurrences(text: string, sign: string): number {
  let count = 0;
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + sign.length)) count++;
  return count;
}
