import { mergeQueue, openEntry, pushEntry, takeEntry } from './merge-queue.js';
import type { MergeQueue } from './merge-queue.js';
import { pairIndex, pairTable } from './pair-table.js';
import type { Report } from './learner.js';

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
  /** Ids of what was merged, left and right in turn, the first merge first. */
  readonly merges: readonly (readonly [number, number])[];
}

/**
 * Byte-pair encoding: as long as there are too few tokens, the pair of neighbouring tokens that is most frequent in all words
 * becomes a token; of equally frequent pairs that of the lower ids. Sennrich, Haddow, Birch 2016 (1508.07909).
 *
 * Counts of pairs are kept up to date: a merge looks only at the words that have the pair. What happens in corners is as in Hugging
 * Face's `BpeTrainer`, so that its tokenizers come out: overlapping pairs (`aaa`) count each, and where two merges make one
 * token (a + bc, ab + c), a pair with it may be merged twice, for words that came later; it then counts as the later merge.
 */
export function learnMerges(
  words: SymbolWords,
  { alphabet, vocabularySize, minFrequency, join }: MergeOptions,
  report: Report,
): LearntMerges {
  const tokens = [...alphabet];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  // Pair → its last merge; a pair that is merged again moves to the end.
  const merges = new Map<number, readonly [number, number]>();
  const queue = countPairs(words);
  const merge = merger(words, queue);
  const { pairs } = queue;
  while (tokens.length < vocabularySize) {
    const entry = takeEntry(queue);
    if (entry < 0) break;
    const count = queue.count[entry] ?? 0;
    if (count < 1 || count < minFrequency) break;
    const pair = queue.pair[entry] ?? 0;
    const left = pairs.left[pair] ?? 0;
    const right = pairs.right[pair] ?? 0;
    const token = join(tokens[left] ?? '', tokens[right] ?? '');
    let id = ids.get(token);
    if (id === undefined) {
      id = tokens.length;
      tokens.push(token);
      ids.set(token, id);
    }
    merges.delete(pair);
    merges.set(pair, [left, right]);
    merge(entry, left, right, id);
    if (tokens.length % 64 === 0) report(tokens.length / vocabularySize, `${merges.size} merges`);
  }
  return { tokens, merges: [...merges.values()] };
}

/** A queue of the pairs in the words. */
function countPairs({ symbols, starts, counts }: SymbolWords): MergeQueue {
  const pairs = pairTable();
  const queue = mergeQueue(pairs);
  for (let word = 0; word < counts.length; word++) {
    const count = counts[word] ?? 0;
    const end = starts[word + 1] ?? 0;
    for (let place = (starts[word] ?? 0) + 1; place < end; place++) {
      const pair = pairIndex(pairs, symbols[place - 1] ?? 0, symbols[place] ?? 0);
      pairs.counts[pair] = (pairs.counts[pair] ?? 0) + count;
      const entry = pairs.entries[pair] ?? -1;
      note(queue, entry < 0 ? openEntry(queue, pair) : entry, word);
    }
  }
  for (let entry = 0; entry < queue.numEntries; entry++) pushEntry(queue, entry);
  return queue;
}

/** Adds a word to an entry once; words come one after the other. */
function note(queue: MergeQueue, entry: number, word: number): void {
  const words = queue.words[entry];
  if (words !== undefined && words[words.length - 1] !== word) words.push(word);
}

/** What replaces a pair in the words of an entry by a token, changes the counts of the pairs beside it, and queues new ones. */
function merger(
  { symbols: given, starts, counts }: SymbolWords,
  queue: MergeQueue,
): (entry: number, left: number, right: number, id: number) => void {
  const symbols = given.slice();
  const lengths = counts.map((_, word) => (starts[word + 1] ?? 0) - (starts[word] ?? 0));
  const { pairs } = queue;

  return (entry, left, right, id) => {
    const words = queue.words[entry] ?? [];
    queue.words[entry] = undefined;
    const firstOpened = queue.numEntries;
    const fewer = (first: number, second: number, count: number): void => {
      const pair = pairIndex(pairs, first, second);
      pairs.counts[pair] = (pairs.counts[pair] ?? 0) - count;
    };
    const more = (first: number, second: number, count: number, word: number): void => {
      const pair = pairIndex(pairs, first, second);
      pairs.counts[pair] = (pairs.counts[pair] ?? 0) + count;
      const opened = pairs.entries[pair] ?? -1;
      note(queue, opened < firstOpened ? openEntry(queue, pair) : opened, word);
    };
    for (const word of words) {
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
          fewer(before, left, count);
          more(before, id, count, word);
        }
        place++;
        if (place + 1 < end) {
          const after = symbols[place + 1] ?? 0;
          fewer(right, after, count);
          more(id, after, count, word);
        }
        symbols[written++] = id;
      }
      lengths[word] = written - start;
    }
    for (let opened = firstOpened; opened < queue.numEntries; opened++) pushEntry(queue, opened);
  };
}
