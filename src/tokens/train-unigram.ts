import { z } from 'zod';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import { byteToken } from './byte-level.js';
import { learnInThread } from './learning/learn-in-thread.js';
import {
  LARGEST,
  checkDocuments,
  checkSize,
  checkSpecialTokens,
  isWordOfText,
  specialTokensSchema,
} from './learning/options.js';
import { tokenizerJson } from './learning/tokenizer-json.js';
import type { TokenizerJson } from './learning/tokenizer-json.js';
import { SPACE } from './learning/unigram.js';
import type { ScoredPieces } from './learning/unigram.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/** The token of what no piece covers. */
const UNKNOWN = '<unk>';

/** The tokens of single bytes: `<0x00>` … `<0xFF>`. */
const byteTokens = Array.from({ length: 256 }, (_, byte) => byteToken(byte));

/** The score of byte tokens, which stand for no text: far below that of any row of pieces, so that `<0x0A>` in a text is none. */
const NEVER = -1000;

/** The schema of the tokenizer's options in a config. */
export const unigramOptions = z.strictObject({
  /** Tokens in all: `<unk>`, special tokens, bytes if asked for, and pieces, among which is every character. */
  vocabularySize: z.int().min(2).max(LARGEST),
  /** Special tokens; `<unk>` is put before them if it is not among them. `<|endoftext|>` by default. */
  specialTokens: specialTokensSchema.optional(),
  /** Whether a character that the documents do not have is written as its UTF-8 bytes, which then are 256 tokens. */
  byteFallback: z.boolean().optional(),
});

export type UnigramOptions = z.infer<typeof unigramOptions>;

/** A unigram model as a `tokenizer.json` has it: each token with its log-probability, by id. */
interface UnigramModel {
  readonly type: 'Unigram';
  readonly unk_id: number;
  readonly vocab: ScoredPieces;
  readonly byte_fallback: boolean;
  readonly [key: string]: unknown;
}

/**
 * Learns a unigram tokenizer, as SentencePiece has it: of all rows of pieces that make a
 * word the most probable is taken, where
 *
 *     log p(row) = Σ log p(piece).
 *
 * The probabilities and the pieces are those of Kudo 2018 (1804.10959): from frequent strings, EM and pruning by what a piece is
 * worth for the likelihood. Text is brought to NFKC, every space is written ▁, one stands before the text, and a word begins
 * with each ▁. Ids: `<unk>`, special tokens, bytes, the pieces from the most to the least probable. The order of the
 * documents has no influence. The work is done in a thread of its own; the signal ends it at once.
 *
 * @throws TrainbookError if there are no documents, the size is below the special tokens and characters or above what the
 *   strings of the documents allow, or a special token is empty, named twice or a single character.
 * @example
 * const tokenizer = await trainUnigram(corpus.train, { vocabularySize: 8000, byteFallback: true });
 */
export async function trainUnigram(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  options: UnigramOptions,
  progress: OnProgress = silent,
  signal?: AbortSignal,
): Promise<Tokenizer> {
  const { specialTokens = [END_OF_TEXT] } = options;
  const others = specialTokens.filter((token) => token !== UNKNOWN);
  const endOfText = ['</s>', END_OF_TEXT].find((token) => others.includes(token)) ?? others[0];
  const contents = await learnUnigram(corpus, options, progress, signal);
  return tokenizerOf(contents, endOfText === undefined ? {} : { endOfText });
}

/** Learns what `trainUnigram` does, as the contents of a `tokenizer.json`. */
export async function learnUnigram(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  { vocabularySize, specialTokens = [END_OF_TEXT], byteFallback = false }: UnigramOptions,
  progress: OnProgress = silent,
  signal?: AbortSignal,
): Promise<TokenizerJson<UnigramModel>> {
  const { documents } = corpus;
  checkDocuments('trainUnigram', documents);
  checkSpecialTokens('trainUnigram', specialTokens);
  const special = specialTokens.includes(UNKNOWN) ? specialTokens : [UNKNOWN, ...specialTokens];
  const character = special.find((token) => Array.from(token).length === 1);
  if (character !== undefined) throw isWordOfText('trainUnigram', character);
  const others = byteFallback ? [...special, ...byteTokens] : special;
  checkSpecialTokens('trainUnigram', others);
  checkSize('trainUnigram', vocabularySize, others.length + 1, `a character and ${others.length} tokens beside`);
  const numPieces = vocabularySize - others.length;
  const options = { numPieces, numOthers: others.length, forbidden: others };
  const pieces = await learnInThread('unigram', options, documents, progress, signal);
  progress({ task: 'train the tokenizer', done: 2, total: 2, note: `${pieces.length} pieces` });
  return tokenizerJson<UnigramModel>(new Map(special.map((token, id) => [token, id])), {
    normalizer: { type: 'NFKC' },
    pre_tokenizer: { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: byteFallback
      ? bytesAndSpaces
      : { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true },
    model: {
      type: 'Unigram',
      unk_id: special.indexOf(UNKNOWN),
      vocab: [...others.map((token, id) => [token, id < special.length ? 0 : NEVER] as const), ...pieces],
      byte_fallback: byteFallback,
    },
  });
}

/** ▁ as a space, bytes as what they encode, all in one, without the first space. */
const bytesAndSpaces = {
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ],
};
