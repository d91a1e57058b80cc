import { NgramRepetition } from './ngram-repetition.js';
import { repeats } from './page.js';
import type { Page } from './page.js';
import { checkBounds, filterOf } from './quality-rule.js';
import type { QualityFilter, QualityRule } from './quality-rule.js';

/** For n words: the largest share of the text's characters. */
export type NgramBound = readonly [n: number, atMost: number];

/** The bounds of Gopher's repetition rules. */
export interface GopherRepetitionBounds {
  /** Share of paragraphs that stood before: 0.3. */
  readonly maxDuplicateParagraphs?: number;
  /** Their share of the characters: 0.2. */
  readonly maxDuplicateParagraphCharacters?: number;
  /** Share of lines that stood before: 0.3. */
  readonly maxDuplicateLines?: number;
  /** Their share of the characters: 0.2. */
  readonly maxDuplicateLineCharacters?: number;
  /** The most frequent n-gram's share of the characters: 2 words 0.2, 3 words 0.18, 4 words 0.16 (in Chinese 3, 5 and 6 characters). In rising order. */
  readonly topNgrams?: readonly NgramBound[];
  /** Characters in n-grams that stood before: 5 words 0.15, 6 0.14, … 10 words 0.1 (in Chinese 8, 10, 11, 13, 14, 16 characters). In rising order. */
  readonly duplicateNgrams?: readonly NgramBound[];
}

export interface GopherRepetitionOptions extends GopherRepetitionBounds {
  /** Bounds for pages in Chinese (see `isChinese` of a page). */
  readonly chinese?: GopherRepetitionBounds;
}

const ENGLISH: Required<GopherRepetitionBounds> = {
  maxDuplicateParagraphs: 0.3,
  maxDuplicateParagraphCharacters: 0.2,
  maxDuplicateLines: 0.3,
  maxDuplicateLineCharacters: 0.2,
  topNgrams: [
    [2, 0.2],
    [3, 0.18],
    [4, 0.16],
  ],
  duplicateNgrams: [
    [5, 0.15],
    [6, 0.14],
    [7, 0.13],
    [8, 0.12],
    [9, 0.11],
    [10, 0.1],
  ],
};

/** A Chinese word has about 1.6 characters, which stand for words here: n words become 1.6 n characters. */
const CHINESE: Required<GopherRepetitionBounds> = {
  ...ENGLISH,
  topNgrams: ENGLISH.topNgrams.map(inCharacters),
  duplicateNgrams: ENGLISH.duplicateNgrams.map(inCharacters),
};

function inCharacters([n, atMost]: NgramBound): NgramBound {
  return [Math.round(1.6 * n), atMost];
}

/**
 * Gopher's repetition rules, with the thresholds of table A1 of Rae 2021 (arXiv 2112.11446): duplicate lines and paragraphs, as a share of all and of
 * the characters; characters of the most frequent 2-, 3- and 4-gram; characters in duplicate 5- to 10-grams. Counted as
 * datatrove's GopherRepetitionFilter counts: on short texts even an n-gram that stands once can be too large a share.
 *
 * @throws TrainbookError for a bound that is no number.
 * @example
 * await load('my.txt').through(quality(gopherRepetition()));
 */
export function gopherRepetition(options: GopherRepetitionOptions = {}): QualityFilter {
  const { chinese, ...bounds } = options;
  checkBounds('gopherRepetition', bounds);
  checkBounds('gopherRepetition', chinese ?? {});
  const [english, han] = [
    { ...ENGLISH, ...bounds },
    { ...CHINESE, ...chinese },
  ];
  return filterOf('gopher repetition', ({ isChinese }) => rulesOf(isChinese ? han : english), options);
}

/** The rules for one page: they share what is counted on it. */
function rulesOf(bounds: Required<GopherRepetitionBounds>): readonly QualityRule[] {
  const once = <Value>(make: (page: Page) => Value): ((page: Page) => Value) => {
    let made: { readonly value: Value } | undefined;
    return (page) => (made ??= { value: make(page) }).value;
  };
  const paragraphs = once(({ text }) => shares(text.trim().split(/\n{2,}/u)));
  const lines = once(({ text }) => shares(text.split(/\n+/u)));
  // Top and duplicate n-grams of the same n are asked for one after the other: n may not fall.
  const top = once((page) => new NgramRepetition(page.words));
  const duplicate = once((page) =>
    (bounds.duplicateNgrams[0]?.[0] ?? 0) >= (bounds.topNgrams.at(-1)?.[0] ?? 0)
      ? top(page)
      : new NgramRepetition(page.words),
  );
  return [
    {
      name: 'duplicate paragraphs',
      measure: (page) => paragraphs(page).share,
      atMost: bounds.maxDuplicateParagraphs,
    },
    {
      name: 'characters in duplicate paragraphs',
      measure: (page) => ofCharacters(page, paragraphs(page).characters),
      atMost: bounds.maxDuplicateParagraphCharacters,
    },
    { name: 'duplicate lines', measure: (page) => lines(page).share, atMost: bounds.maxDuplicateLines },
    {
      name: 'characters in duplicate lines',
      measure: (page) => ofCharacters(page, lines(page).characters),
      atMost: bounds.maxDuplicateLineCharacters,
    },
    ...bounds.topNgrams.map(([n, atMost]) => ({
      name: `top ${n}-gram`,
      measure: (page: Page) => ofCharacters(page, top(page).top(n)),
      atMost,
    })),
    ...bounds.duplicateNgrams.map(([n, atMost]) => ({
      name: `duplicate ${n}-grams`,
      measure: (page: Page) => ofCharacters(page, duplicate(page).duplicate(n)),
      atMost,
    })),
  ];
}

/** Of parts that stood before: their share of all parts, and their characters. */
function shares(parts: readonly string[]): { readonly share: number; readonly characters: number } {
  const { count, characters } = repeats(parts);
  return { share: count / Math.max(parts.length, 1), characters };
}

function ofCharacters({ characters }: Page, part: number): number {
  return part / Math.max(characters, 1);
}
