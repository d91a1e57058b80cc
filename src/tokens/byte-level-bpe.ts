import { TrainbookError } from '../error.js';
import { byteCharacters } from './byte-level.js';
import type { Digits } from './byte-level.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { byteLevelPart, specialToken } from './tokenizer-json.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Byte-level byte-pair encoding with GPT-2's words: any well-formed text comes back exactly.
 *
 * @param vocab Each token, in the byte-level alphabet, with its id: all 256 bytes, the result of each merge and the special tokens.
 * @param merges Pairs of tokens, the first learnt first.
 * @param specialTokens Those of the vocabulary that no text is encoded to. The one that parts documents is `<|endoftext|>`, or else
 *   the first.
 * @param digits Whether a digit is a word of its own, which no merge joins with others.
 * @throws TrainbookError if a byte, the result of a merge or a special token is missing, or two tokens have one id.
 * @example
 * byteLevelBpe(vocab, [['Ġ', 't'], ['h', 'e']]);
 */
export function byteLevelBpe(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  specialTokens: readonly string[] = [END_OF_TEXT],
  digits: Digits = 'together',
): Tokenizer {
  const missing = byteCharacters.find((character) => !Object.hasOwn(vocab, character));
  if (missing !== undefined) {
    throw new TrainbookError({
      what: 'BPE: the vocabulary is not whole',
      received: `no token ${JSON.stringify(missing)}`,
      expected: 'a token for each of the 256 bytes',
    });
  }
  const [first = END_OF_TEXT] = specialTokens;
  return tokenizerOf(
    {
      added_tokens: specialTokens.map((token) => specialToken(token, vocab[token] ?? -1)),
      normalizer: null,
      pre_tokenizer:
        digits === 'together'
          ? byteLevelPart
          : { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevelPart] },
      post_processor: null,
      decoder: byteLevelPart,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: merges.map(([left, right]): [string, string] => [left, right]),
      },
    },
    { endOfText: specialTokens.includes(END_OF_TEXT) ? END_OF_TEXT : first },
  );
}
