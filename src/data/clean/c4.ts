import { countWords } from './gopher-quality.js';
import { splitLines } from './page.js';
import type { Page } from './page.js';
import { checkBounds } from './quality-rule.js';
import type { Judgement, QualityFilter } from './quality-rule.js';
import { countSentences } from './sentences.js';
import { findWords, wordList } from './word-list.js';

export interface C4Options {
  /** Drops lines that do not end in . ! ? " or ' (in Chinese also 。！？…”’」』), and those that end in an ellipsis `...`. Default true. */
  readonly terminalPunctuation?: boolean;
  /** Drops lines of fewer words, words being what stands between spaces: 3 (5 characters in Chinese). */
  readonly minWordsPerLine?: number;
  /** Drops lines that have a word of more characters: 1,000 (no bound in Chinese). */
  readonly maxWordLength?: number;
  /** Drops pages of fewer sentences in the lines that are left: 5. */
  readonly minSentences?: number;
  /** Drops pages of fewer words in the lines that are left: 0; the paper has none. */
  readonly minWords?: number;
  /** Takes the citations of Wikipedia out of lines: `[12]`, `[edit]`, `[citation needed]`. Default true. */
  readonly citations?: boolean;
  /** Drops lines that speak of JavaScript. Default true. */
  readonly javascript?: boolean;
  /** Drops pages with “lorem ipsum”. Default true. */
  readonly loremIpsum?: boolean;
  /** Drops pages with `{`, which are mostly code. Default true. */
  readonly curlyBracket?: boolean;
  /** Drops lines on cookies, terms of use and privacy. Default true. */
  readonly policy?: boolean;
  /** Drops pages with one of these words, in any case; none by default. `wordList` has lists. */
  readonly badWords?: readonly string[];
}

const CITATION = /\[\d*\]|\[edit\]|\[citation needed\]/gu;
const POLICY = /terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies/iu;
const ENGLISH_END = /[.?!"']$/u;
const CHINESE_END = /[.?!"'。！？…”’」』．｡]$/u;

/** One rule of lines: what it drops. */
interface LineRule {
  readonly name: string;
  drops(line: string, words: readonly string[]): boolean;
}

/**
 * C4's rules: of each page the lines that end in terminal punctuation, have at least 3 words and speak of neither JavaScript nor cookies; of these
 * pages those with at least 5 sentences, no “lorem ipsum” and no curly bracket. Raffel 2020 (arXiv 1910.10683), section 2.2, with the two rules
 * that only its code has (words of over 1,000 characters, policies); counted as datatrove's C4QualityFilter counts. The text changes: dropped
 * lines are counted in the ledger.
 *
 * @throws TrainbookError for a bound that is no number.
 * @example
 * await load('web.jsonl').through(quality(c4({ minSentences: 3 })));
 */
export function c4(options: C4Options = {}): QualityFilter {
  checkBounds('c4', options);
  const english = lineRules({ ...options, end: ENGLISH_END });
  const chinese = lineRules({ maxWordLength: Infinity, ...options, end: CHINESE_END, isChinese: true });
  const badWords = options.badWords === undefined ? undefined : wordList(options.badWords);
  const judge = (page: Page): Judgement => {
    const rules = page.isChinese ? chinese : english;
    const changes: Record<string, number> = {};
    const kept: string[] = [];
    const count = (name: string, by = 1): void => {
      changes[name] = (changes[name] ?? 0) + by;
    };
    for (const raw of splitLines(page.text)) {
      const trimmed = raw.trim();
      const words = trimmed.split(/\s+/u).filter((word) => word !== '');
      // Lines of too long words are looked at before citations are taken out, all others after.
      if (rules.tooLong(words)) {
        count('lines with too long words');
        continue;
      }
      const line = options.citations === false ? trimmed : trimmed.replace(CITATION, '');
      if (line.length < trimmed.length) count('lines with citations');
      const dropped = rules.before.find((rule) => rule.drops(line, words));
      if (dropped !== undefined) {
        count(dropped.name);
        continue;
      }
      if (options.loremIpsum !== false && /lorem ipsum/iu.test(line)) return { drop: 'c4: lorem ipsum' };
      if (options.javascript !== false && /javascript/iu.test(line)) {
        count('lines on JavaScript');
        continue;
      }
      if (options.curlyBracket !== false && line.includes('{')) return { drop: 'c4: curly bracket' };
      if (options.policy !== false && POLICY.test(line)) {
        count('lines on policies');
        continue;
      }
      kept.push(line);
    }
    const text = kept.join('\n').trim();
    const { minSentences = 5, minWords = 0 } = options;
    if (minSentences > 0) {
      const sentences = kept.reduce((sum, line) => sum + countSentences(line), 0);
      if (sentences < minSentences) return { drop: `c4: sentences under ${minSentences}`, score: sentences };
    }
    if (minWords > 0) {
      const words = text.split(/\s+/u).filter((word) => word !== '').length;
      const counted = page.isChinese ? countWords(page) : words;
      if (counted < minWords) return { drop: `c4: words under ${minWords}`, score: counted };
    }
    if (badWords !== undefined && findWords(badWords, text, 1).length > 0) return { drop: 'c4: bad words' };
    if (text === '') return { drop: 'c4: no lines left' };
    return text === page.text ? { text } : { text, changes };
  };
  return {
    name: 'c4',
    options,
    judge,
    measure: ({ text }) => ({
      sentences: splitLines(text).reduce((sum, line) => sum + countSentences(line.trim()), 0),
    }),
  };
}

function lineRules(options: C4Options & { readonly end: RegExp; readonly isChinese?: boolean }): {
  readonly tooLong: (words: readonly string[]) => boolean;
  readonly before: readonly LineRule[];
} {
  const { maxWordLength = 1000, isChinese = false, end } = options;
  const { minWordsPerLine = isChinese ? 5 : 3 } = options;
  const before: LineRule[] = [];
  if (options.terminalPunctuation !== false) {
    before.push({
      name: 'lines without terminal punctuation',
      drops: (line) => !end.test(line) || (!isChinese && line.endsWith('...')),
    });
  }
  before.push({
    name: 'lines of few words',
    drops: (line, words) => (isChinese ? line.length : words.length) < minWordsPerLine,
  });
  return { tooLong: (words) => words.some((word) => word.length > maxWordLength), before };
}
