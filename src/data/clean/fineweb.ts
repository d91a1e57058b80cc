import { TERMINAL_SIGN } from './characters.js';
import { occurrences, repeats } from './page.js';
import type { Page } from './page.js';
import { checkBounds, filterOf } from './quality-rule.js';
import type { QualityFilter, QualityRule } from './quality-rule.js';

/** The bounds of FineWeb's rules. */
export interface FineWebBounds {
  /** Share of lines that end in terminal punctuation: 0.12. */
  readonly minPunctuatedLines?: number;
  /** Characters up to which a line is short: 30 (10 in Chinese). */
  readonly shortLine?: number;
  /** Share of short lines: 0.67. */
  readonly maxShortLines?: number;
  /** Characters in lines that stood before, of all: 0.01. */
  readonly maxDuplicateLineCharacters?: number;
  /** Line ends to words: 0.3 (to characters in Chinese: 0.19). */
  readonly maxLineEndsPerWord?: number;
}

export interface FineWebOptions extends FineWebBounds {
  /** Bounds for pages in Chinese (see `isChinese` of a page). */
  readonly chinese?: FineWebBounds;
}

const ENGLISH: Required<FineWebBounds> = {
  minPunctuatedLines: 0.12,
  shortLine: 30,
  maxShortLines: 0.67,
  maxDuplicateLineCharacters: 0.01,
  maxLineEndsPerWord: 0.3,
};

/** Thirty letters are about six English words, as ten Chinese characters are; 0.3 to words is 0.19 to characters, 1.6 a word. */
const CHINESE: Required<FineWebBounds> = { ...ENGLISH, shortLine: 10, maxLineEndsPerWord: 0.19 };

/**
 * FineWeb's own rules: at least 12% of lines end in terminal punctuation, at most 67% are short, at most 1% of the characters
 * are in lines that stood before, at most 0.3 line ends to a word (else it is a list). Penedo 2024 (arXiv 2406.17557), section
 * 3.6; counted as datatrove's FineWebQualityFilter counts.
 *
 * @throws TrainbookError for a bound that is no number.
 * @example
 * await load('web.jsonl').through(quality(gopher(), c4(), fineweb()));
 */
export function fineweb(options: FineWebOptions = {}): QualityFilter {
  const { chinese, ...bounds } = options;
  checkBounds('fineweb', bounds);
  checkBounds('fineweb', chinese ?? {});
  const english = rulesOf({ ...ENGLISH, ...bounds });
  const han = rulesOf({ ...CHINESE, ...chinese });
  return filterOf('fineweb', ({ isChinese }) => (isChinese ? han : english), options);
}

function rulesOf(bounds: Required<FineWebBounds>): readonly QualityRule[] {
  return [
    { name: 'lines', measure: ({ text }) => linesOf(text).length, atLeast: 1 },
    { name: 'lines ending in punctuation', measure: punctuatedLines, atLeast: bounds.minPunctuatedLines },
    { name: 'short lines', measure: (page) => shortLines(page, bounds.shortLine), atMost: bounds.maxShortLines },
    {
      name: 'characters in duplicate lines',
      measure: duplicateLineCharacters,
      atMost: bounds.maxDuplicateLineCharacters,
    },
    { name: 'line ends to words', measure: lineEndsPerWord, atMost: bounds.maxLineEndsPerWord },
  ];
}

/** Share of lines that end in terminal punctuation; lines of spaces do not count. */
export function punctuatedLines({ text }: Page): number {
  const lines = linesOf(text);
  return lines.filter((line) => TERMINAL_SIGN.test(lastCharacter(line))).length / Math.max(lines.length, 1);
}

/** Share of lines of at most `length` characters. */
export function shortLines({ text }: Page, length: number): number {
  const lines = linesOf(text);
  return lines.filter((line) => isShort(line, length)).length / Math.max(lines.length, 1);
}

/** Characters in lines that stood before, of all but line ends. */
export function duplicateLineCharacters({ text, characters }: Page): number {
  return repeats(linesOf(text)).characters / Math.max(characters - occurrences(text, '\n'), 1);
}

/** Line ends to words: lists have many. */
export function lineEndsPerWord({ text, words }: Page): number {
  return occurrences(text, '\n') / Math.max(words.count, 1);
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function lastCharacter(line: string): string {
  const last = line.slice(-1);
  return /[\uDC00-\uDFFF]/.test(last) ? line.slice(-2) : last;
}

function isShort(line: string, length: number): boolean {
  return line.length <= length || (line.length <= 2 * length && Array.from(line).length <= length);
}
