import { createRequire } from 'node:module';
import { TrainbookError } from '../../error.js';
import type { Learner, Report } from './learner.js';
import { learnMerges } from './merges.js';
import type { LearntMerges, SymbolWords } from './merges.js';
import { isWordOfText } from './options.js';

/** What stands before a token that goes on with a word. */
export const CONTINUING = '##';

/** How BERT cleans a text before it is cut. */
export interface BertText {
  readonly lowercase: boolean;
  readonly stripAccents: boolean;
  readonly splitChinese: boolean;
}

export interface WordPieceLearning extends BertText {
  readonly vocabularySize: number;
  readonly minFrequency: number;
  readonly alphabetLimit: number;
  readonly specialTokens: readonly string[];
}

/** The part of the `tokenizers` package that is used here; it is CommonJS, with types of its own. */
interface Native {
  bertNormalizer(options: {
    readonly cleanText: boolean;
    readonly handleChineseChars: boolean;
    readonly stripAccents: boolean;
    readonly lowercase: boolean;
  }): { normalizeString(text: string): string };
  bertPreTokenizer(): { preTokenizeString(text: string): readonly (readonly [string, readonly [number, number]])[] };
}

/** Learns WordPiece as merges, from words cut at white space: each different one is normalised and cut further once. */
export const wordPieces: Learner<WordPieceLearning, readonly string[]> = {
  words: (text) => text.split(/[ \t\r\n]+/).filter((word) => word !== ''),
  learn(counts, options, report) {
    const cut = bertCutter(options);
    for (const token of options.specialTokens)
      if (token.startsWith(CONTINUING) || cut(token).length < 2) throw isWordOfText('trainWordPiece', token);
    const words = countWords(counts, cut);
    const { tokens } = mergeWords(words, options, report);
    if (tokens.length < options.vocabularySize) throw tooLarge(options, tokens.length);
    return tokens;
  },
};

/** BERT's words of a text: cleaned, cut at white space, every punctuation mark alone. */
function bertCutter({ lowercase, stripAccents, splitChinese }: BertText): (text: string) => readonly string[] {
  const native = createRequire(import.meta.url)('tokenizers') as Native;
  const normalizer = native.bertNormalizer({
    cleanText: true,
    handleChineseChars: splitChinese,
    stripAccents,
    lowercase,
  });
  const cutter = native.bertPreTokenizer();
  return (text) => cutter.preTokenizeString(normalizer.normalizeString(text)).map(([word]) => word);
}

function countWords(
  chunks: ReadonlyMap<string, number>,
  cut: (text: string) => readonly string[],
): ReadonlyMap<string, number> {
  const words = new Map<string, number>();
  for (const [chunk, count] of chunks) for (const word of cut(chunk)) words.set(word, (words.get(word) ?? 0) + count);
  return words;
}

/** Learns merges of characters; one that does not begin a word is another token, ## before it. */
function mergeWords(
  words: ReadonlyMap<string, number>,
  { vocabularySize, minFrequency, alphabetLimit, specialTokens }: WordPieceLearning,
  report: Report,
): LearntMerges {
  const characters = frequentCharacters(words, alphabetLimit);
  const within = new Set<string>();
  for (const word of words.keys())
    for (const one of Array.from(word).slice(1)) if (characters.has(one)) within.add(one);
  const alphabet = [
    ...specialTokens,
    ...[...characters].sort(byCodePoint),
    ...[...within].sort(byCodePoint).map((character) => CONTINUING + character),
  ];
  if (alphabet.length > vocabularySize) throw tooSmall(vocabularySize, alphabet.length);
  const join = (left: string, right: string): string =>
    left + (right.startsWith(CONTINUING) ? right.slice(CONTINUING.length) : right);
  return learnMerges(symbols(words, alphabet), { alphabet, vocabularySize, minFrequency, join }, report);
}

/** The characters that occur most, `limit` of them; of equally frequent ones those with the lower code point. */
function frequentCharacters(words: ReadonlyMap<string, number>, limit: number): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const [word, count] of words)
    for (const character of word) counts.set(character, (counts.get(character) ?? 0) + count);
  const sorted = [...counts].sort(([a, many], [b, more]) => more - many || byCodePoint(a, b));
  return new Set(sorted.slice(0, limit).map(([character]) => character));
}

function byCodePoint(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}

/** Words as ids; characters that are not in the alphabet are left out. */
function symbols(words: ReadonlyMap<string, number>, alphabet: readonly string[]): SymbolWords {
  const ids = new Map(alphabet.map((token, id) => [token, id]));
  const all: number[] = [];
  const starts = new Int32Array(words.size + 1);
  let index = 0;
  for (const word of words.keys()) {
    let isFirst = true;
    for (const character of word) {
      const id = ids.get(isFirst ? character : CONTINUING + character);
      if (id !== undefined) all.push(id);
      isFirst = false;
    }
    starts[++index] = all.length;
  }
  return { symbols: Int32Array.from(all), starts, counts: Float64Array.from(words.values()) };
}

function tooSmall(vocabularySize: number, smallest: number): TrainbookError {
  return new TrainbookError({
    what: 'trainWordPiece: the documents have too many different characters',
    received: `a vocabulary of ${vocabularySize}`,
    expected: `at least ${smallest}: special tokens, characters, and characters within words`,
    fix: `set vocabularySize to ${smallest} or more, or alphabetLimit lower`,
  });
}

function tooLarge({ vocabularySize, minFrequency }: WordPieceLearning, largest: number): TrainbookError {
  return new TrainbookError({
    what: 'trainWordPiece: the documents have too few different words',
    received: `a vocabulary of ${vocabularySize}`,
    expected: `at most ${largest}: then no pair occurs ${Math.max(1, minFrequency)} times`,
    fix: `give more text, or set vocabularySize to ${largest} or less`,
  });
}
