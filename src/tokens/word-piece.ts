import { TrainbookError } from '../error.js';
import type { TokenizerModel } from './tokenizer-json.js';
import type { TokenizeWord } from './tokenizer.js';

/**
 * WordPiece: from the left, again and again the longest token that the rest of the word begins with; tokens within a word are
 * written with `##` before them. A word that cannot be cut so, or is longer than 100 characters, is the unknown token.
 *
 * Devlin et al. 2018, BERT (1810.04805); the greedy search: Song et al. 2021 (2012.15524).
 */
export function wordPiece(model: Extract<TokenizerModel, { readonly type: 'WordPiece' }>): TokenizeWord {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: longestWord } = model;
  const table = new Map(Object.entries(model.vocab));
  const unknown = table.get(model.unk_token);
  if (unknown === undefined) {
    throw new TrainbookError({
      what: 'WordPiece: the vocabulary lacks its unknown token',
      received: `unk_token ${JSON.stringify(model.unk_token)}`,
      expected: 'a token of the vocabulary',
    });
  }
  const longestToken = [...table.keys()].reduce((longest, { length }) => Math.max(longest, length), 0);
  return (word) => {
    if (word.length > longestWord && Array.from(word).length > longestWord) return [unknown];
    const ids: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = Math.min(word.length, start + longestToken);
      let id: number | undefined;
      for (; end > start && id === undefined; end--) {
        id = table.get((start > 0 ? prefix : '') + word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return [unknown];
      ids.push(id);
      start = end;
    }
    return ids;
  };
}
