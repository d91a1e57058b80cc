import { TrainbookError } from '../error.js';
import type { TokenizerModel } from './tokenizer-json.js';
import type { TokenizeWord } from './tokenizer.js';

/** A word is a token, or the unknown token. Where the vocabulary has no unknown token, such a word is an error. */
export function wordLevel(model: Extract<TokenizerModel, { readonly type: 'WordLevel' }>): TokenizeWord {
  const table = new Map(Object.entries(model.vocab));
  const unknown = table.get(model.unk_token);
  return (word) => {
    const id = table.get(word) ?? unknown;
    if (id !== undefined) return [id];
    throw new TrainbookError({
      what: `encode: the vocabulary lacks a ${Array.from(word).length === 1 ? 'character' : 'word'}`,
      received: JSON.stringify(word),
      expected: `one of the ${table.size} tokens that the tokenizer was made of`,
      fix: 'leave it out, or take a byte-level tokenizer (trainBpe), which has all text',
    });
  };
}
