import { z } from 'zod';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import { byteLevelBpe } from './byte-level-bpe.js';
import { bytesOfToken, wordPattern } from './byte-level.js';
import { learnInThread } from './learning/learn-in-thread.js';
import {
  LARGEST,
  checkDocuments,
  checkFrequency,
  checkSize,
  checkSpecialTokens,
  isWordOfText,
  specialTokensSchema,
} from './learning/options.js';
import { vocabulary } from './learning/tokenizer-json.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/** The alphabet of bytes and the end of text: the smallest vocabulary. */
const SMALLEST = 257;

/** The schema of the tokenizer's options in a config. */
export const bpeOptions = z.strictObject({
  /** Tokens in all: special tokens, 256 bytes, and merges. */
  vocabularySize: z.int().min(SMALLEST).max(LARGEST),
  /** Special tokens, which get the first ids: the end of a document first, unless one is `<|endoftext|>`. By default that alone. */
  specialTokens: specialTokensSchema.optional(),
  /** How often a pair must occur to be merged; 0, the default, asks nothing. */
  minFrequency: z.int().min(0).optional(),
  /**
   * `single`: each digit of a number is a token, as in Qwen and SmolLM, so that a number has as many as it has digits: for arithmetic.
   * `together`, the default: digits are merged as letters are.
   */
  digits: z.enum(['together', 'single']).optional(),
});

export type BpeOptions = z.infer<typeof bpeOptions>;

/**
 * Learns a byte-level BPE tokenizer: starting from bytes, again and again the pair of neighbouring tokens that is most frequent
 * in the words of all documents becomes a token (of equally frequent pairs the one whose tokens came first), until there
 * are `vocabularySize`. Ids: special tokens (0 is `<|endoftext|>`), the bytes in the order of their characters, the merges.
 * It is the tokenizer that Hugging Face's `BpeTrainer(vocab_size, special_tokens=['<|endoftext|>'],
 * initial_alphabet=ByteLevel.alphabet())` gives for the same documents, in any order.
 *
 * The work is done in a thread of its own: the event loop stays free, and the signal ends it at once.
 *
 * @throws TrainbookError if there are no documents, the size is below 256 bytes and the special tokens or above a million, the
 *   documents have too few different words for it, or a special token is empty, named twice or a word.
 * @example
 * const tokenizer = await trainBpe(corpus.train, { vocabularySize: 4096 });
 */
export async function trainBpe(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  { vocabularySize, specialTokens = [END_OF_TEXT], minFrequency = 0, digits = 'together' }: BpeOptions,
  progress: OnProgress = silent,
  signal?: AbortSignal,
): Promise<Tokenizer> {
  const { documents } = corpus;
  checkDocuments('trainBpe', documents);
  checkSpecialTokens('trainBpe', specialTokens);
  const word = specialTokens.find(isWord);
  if (word !== undefined) throw isWordOfText('trainBpe', word);
  checkSize('trainBpe', vocabularySize, 256 + specialTokens.length, `256 bytes and ${specialTokens.join(', ')}`);
  checkFrequency('trainBpe', minFrequency);
  const options = { vocabularySize, specialTokens, minFrequency, digits };
  const { tokens, merges } = await learnInThread('bytePairs', options, documents, progress, signal);
  progress({ task: 'train the tokenizer', done: 2, total: 2, note: `${merges.length} merges` });
  return byteLevelBpe(vocabulary(tokens), merges, specialTokens, digits);
}

/** Whether what a token stands for, read in the byte-level alphabet, may be part of one word: merges could make it. */
function isWord(token: string): boolean {
  const bytes = bytesOfToken(token);
  return bytes !== undefined && Buffer.from(bytes).toString('utf8').match(wordPattern)?.length === 1;
}
