import { TrainbookError } from '../error.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { specialToken } from './tokenizer-json.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * A tokenizer whose tokens are the characters (Unicode code points) that the documents have, in the order of their code points,
 * and last `<|endoftext|>`: as in nanoGPT's character-level Shakespeare, whose 65 ids it gives.
 *
 * @throws TrainbookError if the documents have no characters.
 * @example
 * characterTokenizer(corpus.train).encode('ROMEO:');
 */
export function characterTokenizer(corpus: { readonly documents: readonly { readonly text: string }[] }): Tokenizer {
  const codes = new Set<number>();
  for (const { text } of corpus.documents) for (const character of text) codes.add(character.codePointAt(0) ?? 0);
  if (codes.size === 0)
    throw new TrainbookError({ what: 'characterTokenizer: the documents have no characters', expected: 'text' });
  const inOrder = [...codes].sort((a, b) => a - b).map((code) => String.fromCodePoint(code));
  return characters(Object.fromEntries([...inOrder, END_OF_TEXT].map((token, id) => [token, id])));
}

/**
 * The tokenizer of a vocabulary of characters.
 *
 * @throws TrainbookError if ids are not 0 … size − 1, or `<|endoftext|>` is not among them; its `encode` for a character that
 *   is not in the vocabulary.
 */
export function characters(vocab: Readonly<Record<string, number>>): Tokenizer {
  const table = new Map(Object.entries(vocab));
  const tokens = [...table].sort(([, a], [, b]) => a - b);
  const endOfText = table.get(END_OF_TEXT);
  if (endOfText === undefined || tokens.some(([, id], index) => id !== index)) {
    throw new TrainbookError({
      what: 'characters: the vocabulary is not whole',
      received: `${table.size} tokens`,
      expected: `ids from 0 on and ${END_OF_TEXT} among them`,
    });
  }
  return tokenizerOf({
    added_tokens: [specialToken(END_OF_TEXT, endOfText)],
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '[\\s\\S]' }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: { type: 'Fuse' },
    // No token of this name exists: a character that is not in the vocabulary is an error.
    model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
  });
}
