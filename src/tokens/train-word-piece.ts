import { z } from 'zod';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import { learnInThread } from './learning/learn-in-thread.js';
import {
  LARGEST,
  checkDocuments,
  checkFrequency,
  checkSize,
  checkSpecialTokens,
  specialTokensSchema,
} from './learning/options.js';
import { tokenizerJson, vocabulary } from './learning/tokenizer-json.js';
import type { TokenizerJson } from './learning/tokenizer-json.js';
import { CONTINUING } from './learning/word-pieces.js';
import { tokenizerOf } from './parse-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';
import { bertFrame } from './vocab-txt.js';

/** BERT's special tokens, in its order. */
const bertTokens: readonly string[] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The schema of the tokenizer's options in a config. */
export const wordPieceOptions = z.strictObject({
  /** Tokens in all: special tokens, characters, characters within words, and merges. */
  vocabularySize: z
    .int()
    .min(bertTokens.length + 1)
    .max(LARGEST),
  /** Special tokens, which get the first ids; `[UNK]`, `[CLS]` and `[SEP]` must be among them. By default BERT's five. */
  specialTokens: specialTokensSchema.optional(),
  /** How often a pair must occur to be merged; 2 by default, as in Hugging Face's `BertWordPieceTokenizer`. */
  minFrequency: z.int().min(0).optional(),
  /** How many characters are kept, the most frequent: others become `[UNK]`. 1,000 by default. */
  alphabetLimit: z.int().min(1).optional(),
  /** Whether capitals become small letters; yes by default. */
  lowercase: z.boolean().optional(),
  /** Whether é becomes e; by default as `lowercase` says. */
  stripAccents: z.boolean().optional(),
  /** Whether every Chinese character is a word; yes by default. */
  splitChinese: z.boolean().optional(),
});

export type WordPieceOptions = z.infer<typeof wordPieceOptions>;

/** WordPiece as a `tokenizer.json` has it. */
interface WordPieceModel {
  readonly type: 'WordPiece';
  readonly unk_token: string;
  readonly continuing_subword_prefix: string;
  readonly max_input_chars_per_word: number;
  readonly vocab: Readonly<Record<string, number>>;
  readonly [key: string]: unknown;
}

/**
 * Learns a WordPiece tokenizer as BERT has it (Schuster, Nakajima 2012; Devlin et al. 2018, 1810.04805). Tokens are found as in
 * BPE: of the pairs of neighbours the most frequent becomes a token, until there are `vocabularySize`; a token that goes on with a
 * word is written with ## before it. A word is then encoded by the longest token that begins it, and so on. The tokens are those
 * of Hugging Face's `WordPieceTrainer`, where its order of characters, which changes from run to run, is by code point: special
 * tokens, characters, characters within words, merges. The order of the documents has no influence. The work is done in a thread of
 * its own; the signal ends it at once.
 *
 * @throws TrainbookError if there are no documents, the size is below the special tokens and characters or above what the
 *   words of the documents allow, or a special token is empty, named twice, missing or a word.
 * @example
 * const tokenizer = await trainWordPiece(corpus.train, { vocabularySize: 8000 });
 */
export async function trainWordPiece(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  options: WordPieceOptions,
  progress: OnProgress = silent,
  signal?: AbortSignal,
): Promise<Tokenizer> {
  return tokenizerOf(await learnWordPiece(corpus, options, progress, signal), { endOfText: '[SEP]' });
}

/** Learns what `trainWordPiece` does, as the contents of a `tokenizer.json`. */
export async function learnWordPiece(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  {
    vocabularySize,
    specialTokens = bertTokens,
    minFrequency = 2,
    alphabetLimit = 1000,
    lowercase = true,
    stripAccents = lowercase,
    splitChinese = true,
  }: WordPieceOptions,
  progress: OnProgress = silent,
  signal?: AbortSignal,
): Promise<TokenizerJson<WordPieceModel>> {
  const { documents } = corpus;
  checkDocuments('trainWordPiece', documents);
  checkSpecialTokens('trainWordPiece', specialTokens, ['[UNK]', '[CLS]', '[SEP]']);
  checkSize('trainWordPiece', vocabularySize, specialTokens.length + 1, `a character and ${specialTokens.join(', ')}`);
  checkFrequency('trainWordPiece', minFrequency);
  const cleaning = { lowercase, stripAccents, splitChinese };
  const options = { vocabularySize, specialTokens, minFrequency, alphabetLimit, ...cleaning };
  const tokens = await learnInThread('wordPieces', options, documents, progress, signal);
  progress({ task: 'train the tokenizer', done: 2, total: 2, note: `${tokens.length} tokens` });
  const special = new Map(specialTokens.map((token, id) => [token, id]));
  return tokenizerJson<WordPieceModel>(special, {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: splitChinese,
      strip_accents: stripAccents,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: bertFrame((token) => special.get(token) ?? 0),
    decoder: { type: 'WordPiece', prefix: CONTINUING, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: CONTINUING,
      max_input_chars_per_word: 100,
      vocab: vocabulary(tokens),
    },
  });
}
