import { HAS_CONTENT, HAS_LETTER } from './words.js';
import { occurrences, splitLines } from './page.js';
import type { Page } from './page.js';
import { checkBounds, filterOf } from './quality-rule.js';
import type { QualityFilter, QualityRule } from './quality-rule.js';

/** The bounds of Gopher's quality rules. */
export interface GopherQualityBounds {
  /** Words that are not punctuation alone: 50 (80 characters in Chinese). */
  readonly minWords?: number;
  /** 100,000 (160,000 characters in Chinese). */
  readonly maxWords?: number;
  /** Characters of a word on average: 3 (0 in Chinese, where each character counts as a word). */
  readonly minMeanWordLength?: number;
  /** 10. */
  readonly maxMeanWordLength?: number;
  /** Hashes to words, and ellipses to words, each: 0.1. */
  readonly maxSymbolsPerWord?: number;
  /** Share of lines that begin with a bullet: 0.9. */
  readonly maxBulletLines?: number;
  /** Share of lines that end with an ellipsis: 0.3. */
  readonly maxEllipsisLines?: number;
  /** Share of words with at least one letter: 0.8 (0.7 in Chinese, whose punctuation is a larger part of short words). */
  readonly minAlphabeticWords?: number;
  /** Of the stop words, how many the page must have: 2. */
  readonly minStopWords?: number;
  /** the, be, to, of, and, that, have, with (in Chinese 的 是 在 不 了 有 和 这 這 之 也 而). */
  readonly stopWords?: readonly string[];
}

export interface GopherQualityOptions extends GopherQualityBounds {
  /** Bounds for pages in Chinese (see `isChinese` of a page). */
  readonly chinese?: GopherQualityBounds;
}

const ENGLISH = {
  minWords: 50,
  maxWords: 100_000,
  minMeanWordLength: 3,
  maxMeanWordLength: 10,
  maxSymbolsPerWord: 0.1,
  maxBulletLines: 0.9,
  maxEllipsisLines: 0.3,
  minAlphabeticWords: 0.8,
  minStopWords: 2,
  stopWords: ['the', 'be', 'to', 'of', 'and', 'that', 'have', 'with'],
} as const satisfies Required<GopherQualityBounds>;

/** A Chinese word has about 1.6 characters: bounds in words become bounds in characters. */
const CHINESE = {
  ...ENGLISH,
  minWords: 80,
  maxWords: 160_000,
  minMeanWordLength: 0,
  minAlphabeticWords: 0.7,
  stopWords: ['的', '是', '在', '不', '了', '有', '和', '这', '這', '之', '也', '而'],
} as const satisfies Required<GopherQualityBounds>;

/**
 * Gopher's quality rules: a page must have 50 to 100,000 words of 3 to 10 characters on average, at most one hash or ellipsis to ten words,
 * at most 90% of lines that begin with a bullet and 30% that end in an ellipsis, letters in 80% of its words, and two of eight
 * stop words. Rae 2021 (arXiv 2112.11446), appendix A.1.1; counted as datatrove's GopherQualityFilter counts.
 *
 * @throws TrainbookError for a bound that is no number.
 * @example
 * await load('my.txt').through(quality(gopherQuality({ minWords: 20 })));
 */
export function gopherQuality(options: GopherQualityOptions = {}): QualityFilter {
  const { chinese, ...bounds } = options;
  checkBounds('gopherQuality', bounds);
  checkBounds('gopherQuality', chinese ?? {});
  const english = rulesOf({ ...ENGLISH, ...bounds });
  const han = rulesOf({ ...CHINESE, ...chinese });
  return filterOf('gopher', ({ isChinese }) => (isChinese ? han : english), options);
}

function rulesOf(bounds: Required<GopherQualityBounds>): readonly QualityRule[] {
  const { maxSymbolsPerWord, stopWords } = bounds;
  return [
    { name: 'words', measure: countWords, atLeast: bounds.minWords, atMost: bounds.maxWords },
    {
      name: 'mean word length',
      measure: meanWordLength,
      atLeast: bounds.minMeanWordLength,
      atMost: bounds.maxMeanWordLength,
    },
    { name: 'hashes to words', measure: hashesPerWord, atMost: maxSymbolsPerWord },
    { name: 'ellipses to words', measure: ellipsesPerWord, atMost: maxSymbolsPerWord },
    { name: 'lines with bullets', measure: bulletLines, atMost: bounds.maxBulletLines },
    { name: 'lines ending in ellipses', measure: ellipsisLines, atMost: bounds.maxEllipsisLines },
    { name: 'words with letters', measure: alphabeticWords, atLeast: bounds.minAlphabeticWords },
    { name: 'stop words', measure: (page) => countStopWords(page, stopWords), atLeast: bounds.minStopWords },
  ];
}

/** Words that have something else than punctuation. Rae 2021: “does not contain between 50 and 100,000 words”. */
export function countWords({ words: { count, flags } }: Page): number {
  let words = 0;
  for (let word = 0; word < count; word++) if (((flags[word] ?? 0) & HAS_CONTENT) !== 0) words++;
  return words;
}

/** Characters of these words, on average. Rae 2021: “mean word length is outside the range of 3 to 10 characters”. */
export function meanWordLength({ words: { count, flags, charactersBefore } }: Page): number {
  let words = 0;
  let characters = 0;
  for (let word = 0; word < count; word++) {
    if (((flags[word] ?? 0) & HAS_CONTENT) === 0) continue;
    words++;
    characters += (charactersBefore[word + 1] ?? 0) - (charactersBefore[word] ?? 0);
  }
  return characters / Math.max(words, 1);
}

/** Rae 2021: “symbol-to-word ratio greater than 0.1 for either the hash symbol or the ellipsis”. */
export function hashesPerWord({ text, words }: Page): number {
  return occurrences(text, '#') / Math.max(words.count, 1);
}

export function ellipsesPerWord({ text, words }: Page): number {
  return (occurrences(text, '...') + occurrences(text, '…')) / Math.max(words.count, 1);
}

/** Rae 2021: “more than 90% of lines starting with a bullet point”; a hyphen is one, too. */
export function bulletLines({ text }: Page): number {
  return shareOfLines(text, (line) => /^\s*[•-]/u.test(line));
}

/** Rae 2021: “more than 30% ending with an ellipsis”. */
export function ellipsisLines({ text }: Page): number {
  return shareOfLines(text, (line) => {
    const end = line.trimEnd();
    return end.endsWith('…') || end.endsWith('...');
  });
}

/** Rae 2021: “80% of words in a document contain at least one alphabetic character”. */
export function alphabeticWords({ words: { count, flags } }: Page): number {
  let words = 0;
  for (let word = 0; word < count; word++) if (((flags[word] ?? 0) & HAS_LETTER) !== 0) words++;
  return words / Math.max(count, 1);
}

/** Rae 2021: “at least two of the following English words: the, be, to, of, and, that, have, with”; in this very spelling. */
export function countStopWords({ words }: Page, stopWords: readonly string[]): number {
  return stopWords.filter((word) => words.has(word)).length;
}

function shareOfLines(text: string, test: (line: string) => boolean): number {
  const lines = splitLines(text);
  return lines.filter(test).length / Math.max(lines.length, 1);
}
