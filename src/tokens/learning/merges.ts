import type { Report } from './learner.js';
import { mergeQueue, pushPair, takePair } from './merge-queue.js';
import { pairIndex, pairTable } from './pair-table.js';
import type { PairTable } from './pair-table.js';

/** Different words as ids of tokens, end to end: word w is symbols[starts[w]] … symbols[starts[w + 1] − 1]. */
export interface SymbolWords {
  readonly symbols: Int32Array;
  /** [numWords + 1] */
  readonly starts: Int32Array;
  /** How often each word occurs. [numWords] */
  readonly counts: Float64Array;
}

export interface MergeOptions {
  /** The first tokens, by id: special tokens and characters. */
  readonly alphabet: readonly string[];
  /** Tokens in all. */
  readonly vocabularySize: number;
  /** A pair that occurs less often is not merged. */
  readonly minFrequency: number;
  /** How the token of a pair is written. */
  readonly join: (left: string, right: string) => string;
}

export interface LearntMerges {
  /** All tokens by id; fewer than `vocabularySize` if there was nothing more to merge. */
  readonly tokens: readonly string[];
  /** The ids of what was merged, left and right, the first merge first: it made the first token after the alphabet. */
  readonly merges: readonly (readonly [number, number])[];
}

/**
 * Byte-pair encoding: as long as there are too few tokens, the pair of neighbouring tokens that is most frequent in all words
 * becomes a token; of equally frequent pairs that of the lower ids. Sennrich, Haddow, Birch 2016 (1508.07909).
 *
 * Counts of pairs are kept up to date: a merge looks only at the words that have the pair. Overlapping pairs count each: `aaa`
 * has `aa` twice. No two merges make the same token: what stands where, and so what is merged, is the same in all places
 * with the same characters, as long as no token reaches over their ends. So a pair gets all its words when the later of
 * its tokens is made.
 */
export function learnMerges(
  words: SymbolWords,
  { alphabet, vocabularySize, minFrequency, join }: MergeOptions,
  report: Report,
): LearntMerges {
  const tokens = [...alphabet];
  const merges: (readonly [number, number])[] = [];
  const { pairs, wordsOf } = countPairs(words);
  const queue = mergeQueue(pairs);
  const merge = merger(words, pairs, wordsOf);
  let numQueued = 0;
  while (tokens.length < vocabularySize) {
    while (numQueued < pairs.numPairs) pushPair(queue, numQueued++);
    const pair = takePair(queue);
    const count = pair < 0 ? 0 : (queue.counts[pair] ?? 0);
    if (count < Math.max(1, minFrequency)) break;
    const left = pairs.left[pair] ?? 0;
    const right = pairs.right[pair] ?? 0;
    merge(pair, tokens.length);
    tokens.push(join(tokens[left] ?? '', tokens[right] ?? ''));
    merges.push([left, right]);
    if (merges.length % 64 === 0) report(tokens.length / vocabularySize, `${merges.length} merges`);
  }
  return { tokens, merges };
}

/** The words in which each pair was when its later token was made, in order; emptied when it is merged. */
type WordsOf = number[][];

function countPairs({ symbols, starts, counts }: SymbolWords): {
  readonly pairs: PairTable;
  readonly wordsOf: WordsOf;
} {
  const pairs = pairTable();
  const wordsOf: WordsOf = [];
  for (let word = 0; word < counts.length; word++) {
    const end = starts[word + 1] ?? 0;
    for (let place = (starts[word] ?? 0) + 1; place < end; place++) {
      const pair = pairIndex(pairs, symbols[place - 1] ?? 0, symbols[place] ?? 0);
      pairs.counts[pair] = (pairs.counts[pair] ?? 0) + (counts[word] ?? 0);
      note(wordsOf, pair, word);
    }
  }
  return { pairs, wordsOf };
}

/** Adds a word to those of a pair, once; pairs and words come in order. */
function note(wordsOf: WordsOf, pair: number, word: number): void {
  const words = wordsOf[pair];
  if (words === undefined) wordsOf.push([word]);
  else if (words[words.length - 1] !== word) words.push(word);
}

/** What replaces a pair by a token in all its words and brings the counts of the pairs beside it up to date. */
function merger(
  { symbols: given, starts, counts }: SymbolWords,
  pairs: PairTable,
  wordsOf: WordsOf,
): (pair: number, id: number) => void {
  const symbols = given.slice();
  const lengths = Int32Array.from(counts, (_, word) => (starts[word + 1] ?? 0) - (starts[word] ?? 0));
  const change = (left: number, right: number, count: number): number => {
    const pair = pairIndex(pairs, left, right);
    pairs.counts[pair] = (pairs.counts[pair] ?? 0) + count;
    return pair;
  };

  return (pair, id) => {
    const left = pairs.left[pair] ?? 0;
    const right = pairs.right[pair] ?? 0;
    for (const word of wordsOf[pair] ?? []) {
      const start = starts[word] ?? 0;
      const end = start + (lengths[word] ?? 0);
      const count = counts[word] ?? 0;
      let written = start;
      for (let place = start; place < end; place++) {
        const symbol = symbols[place] ?? 0;
        if (symbol !== left || place + 1 >= end || symbols[place + 1] !== right) {
          symbols[written++] = symbol;
          continue;
        }
        if (written > start) {
          const before = symbols[written - 1] ?? 0;
          change(before, left, -count);
          note(wordsOf, change(before, id, count), word);
        }
        place++;
        if (place + 1 < end) {
          const after = symbols[place + 1] ?? 0;
          change(right, after, -count);
          note(wordsOf, change(id, after, count), word);
        }
        symbols[written++] = id;
      }
      lengths[word] = written - start;
    }
    wordsOf[pair] = [];
  };
}
