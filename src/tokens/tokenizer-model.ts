import { bpe } from './bpe.js';
import type { TokenizeWord } from './tokenizer.js';
import type { TokenizerModel } from './tokenizer-json.js';
import { unigram } from './unigram.js';
import { wordLevel } from './word-level.js';
import { wordPiece } from './word-piece.js';

/** A tokenizer's model: how a word becomes tokens. */
export function tokenizerModel(model: TokenizerModel, byteLevel: boolean): TokenizeWord {
  switch (model.type) {
    case 'BPE':
      return bpe(model, byteLevel);
    case 'WordPiece':
      return wordPiece(model);
    case 'Unigram':
      return unigram(model);
    case 'WordLevel':
      return wordLevel(model);
  }
}

/** Each token of a model with its id. */
export function vocabularyOf(model: TokenizerModel): [token: string, id: number][] {
  return model.type === 'Unigram' ? model.vocab.map(([piece], id) => [piece, id]) : Object.entries(model.vocab);
}
