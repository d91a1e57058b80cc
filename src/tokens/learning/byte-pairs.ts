import { TrainbookError } from '../../error.js';
import { byteCharacters, byteLevelWords } from '../byte-level.js';
import type { Digits } from '../byte-level.js';
import type { Learner } from './learner.js';
import { learnMerges } from './merges.js';
import type { SymbolWords } from './merges.js';

export interface BytePairOptions {
  readonly vocabularySize: number;
  readonly minFrequency: number;
  readonly specialTokens: readonly string[];
  readonly digits: Digits;
}

export interface BytePairs {
  /** By id: special tokens, bytes in the order of their characters, results of merges. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** Learns the merges of byte-level BPE from words cut by GPT-2's pattern, and at each digit if these are single. */
export const bytePairs: Learner<BytePairOptions, BytePairs> = {
  words: (text, { digits }) => byteLevelWords(text, digits),
  learn(counts, { vocabularySize, minFrequency, specialTokens }, report) {
    const alphabet = [...specialTokens, ...[...byteCharacters].sort()];
    const ids = new Map(alphabet.map((token, id) => [token, id]));
    const byteIds = Int32Array.from(byteCharacters, (character) => ids.get(character) ?? 0);
    const { tokens, merges } = learnMerges(
      wordsOfBytes(counts, byteIds),
      { alphabet, vocabularySize, minFrequency, join: (left, right) => left + right },
      report,
    );
    if (tokens.length < vocabularySize) {
      throw new TrainbookError({
        what: 'trainBpe: the documents have too few different words',
        received: `a vocabulary of ${vocabularySize}`,
        expected: `at most ${tokens.length}: then ${
          minFrequency > 1 ? `no pair occurs ${minFrequency} times` : 'every word of the documents is a token'
        }`,
        fix: `give more text, or set vocabularySize to ${tokens.length} or less`,
      });
    }
    return { tokens, merges: merges.map(([left, right]) => [tokens[left] ?? '', tokens[right] ?? '']) };
  },
};

function wordsOfBytes(counts: ReadonlyMap<string, number>, byteIds: Int32Array): SymbolWords {
  let numBytes = 0;
  for (const word of counts.keys()) numBytes += Buffer.byteLength(word);
  const bytes = Buffer.alloc(numBytes);
  const starts = new Int32Array(counts.size + 1);
  let index = 0;
  for (const word of counts.keys()) {
    const start = starts[index++] ?? 0;
    starts[index] = start + bytes.write(word, start);
  }
  return {
    symbols: Int32Array.from(bytes, (byte) => byteIds[byte] ?? 0),
    starts,
    counts: Float64Array.from(counts.values()),
  };
}
