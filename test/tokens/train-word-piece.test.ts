import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TokenizerJson } from '../../src/tokens/learning/tokenizer-json.js';
import { learnWordPiece, wordPieceOptions } from '../../src/tokens/train-word-piece.js';
import { difficultTexts, learntByPython } from './trainer-fixture.js';

const corpus = { documents: difficultTexts.map((text) => ({ text })) };

// Hugging Face's library for Node is CommonJS and has types of its own.
interface Encoding {
  getTokens(): string[];
  getTypeIds(): number[];
}
interface NativeTokenizer {
  encode(text: string, pair: string | null): Promise<Encoding>;
  decode(ids: readonly number[], skipSpecialTokens: boolean): Promise<string>;
  tokenToId(token: string): number;
}
const native = createRequire(import.meta.url)('tokenizers') as {
  Tokenizer: { fromString(json: string): NativeTokenizer };
};

/** The tokens of a learnt `tokenizer.json`, by id. */
const tokensOf = (json: TokenizerJson): string[] =>
  Object.entries(json.model['vocab'] as Record<string, number>)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);

describe('learnWordPiece', () => {
  const { vocabularySize, tokens } = learntByPython.wordPiece;
  let learnt: TokenizerJson;
  beforeAll(async () => {
    learnt = await learnWordPiece(corpus, { vocabularySize });
  });

  it('learns the tokens of the Python library, in its order', () => {
    expect(tokensOf(learnt)).toEqual(tokens);
  });

  it('learns the tokens of the Python library with capitals, accents and a limited alphabet', async () => {
    const { vocabularySize, alphabetLimit, characters, tokens } = learntByPython.wordPieceCased;
    expect(characters).toBeGreaterThan(alphabetLimit);
    const options = { vocabularySize, alphabetLimit, lowercase: false, splitChinese: false };
    expect(tokensOf(await learnWordPiece(corpus, options))).toEqual(tokens);
  });

  it('is the same for documents in another order', async () => {
    const reversed = await learnWordPiece({ documents: corpus.documents.toReversed() }, { vocabularySize });
    expect(JSON.stringify(reversed)).toBe(JSON.stringify(learnt));
  });

  it('is a whole tokenizer for Hugging Face’s library: BERT’s text, and its rows of one and two texts', async () => {
    const tokenizer = native.Tokenizer.fromString(JSON.stringify(learnt));
    const one = await tokenizer.encode('The CAFÉ, 学而!', null);
    expect(one.getTokens()).toEqual(['[CLS]', 'the', 'ca', '##f', '##e', ',', '学', '而', '!', '[SEP]']);
    const two = await tokenizer.encode('the', 'the');
    expect(two.getTokens()).toEqual(['[CLS]', 'the', '[SEP]', 'the', '[SEP]']);
    expect(two.getTypeIds()).toEqual([0, 0, 0, 1, 1]);
    const unknown = await tokenizer.encode('the ☃', null);
    expect(unknown.getTokens()).toEqual(['[CLS]', 'the', '[UNK]', '[SEP]']);
    const ids = ['[CLS]', 'the', 'ca', '##f', '##e', '!', '[SEP]'].map((token) => tokenizer.tokenToId(token));
    expect(await tokenizer.decode(ids, true)).toBe('the cafe!');
  });

  it('takes only sizes that it can reach', async () => {
    await expect(learnWordPiece({ documents: [] }, { vocabularySize })).rejects.toThrow('there are no documents');
    await expect(learnWordPiece(corpus, { vocabularySize: 5 })).rejects.toThrow(/received: 5[\s\S]*from 6/);
    // Special tokens 5, characters a b c, within words b c: 10. The pairs a+##b and ab+##c occur twice: 12 in all.
    const letters = { documents: [{ text: 'abc ABC' }] };
    await expect(learnWordPiece(letters, { vocabularySize: 9 })).rejects.toThrow('at least 10');
    await expect(learnWordPiece(letters, { vocabularySize: 13 })).rejects.toThrow('at most 12');
    expect(tokensOf(await learnWordPiece(letters, { vocabularySize: 12 })).slice(5)).toEqual(
      ['a', 'b', 'c', '##b', '##c', 'ab', 'abc'], //
    );
  });

  it.each([
    [['[UNK]', '[CLS]', '[SEP]', '[SEP]'], 'named twice'],
    [['[UNK]', '[CLS]', '[SEP]', ''], 'is empty'],
    [['[UNK]', '[CLS]'], '"[SEP]" is missing'],
    [['[UNK]', '[CLS]', '[SEP]', 'the'], '"the" is a word'],
    [['[UNK]', '[CLS]', '[SEP]', '##a'], '"##a" is a word'],
  ])('refuses special tokens %j', async (specialTokens, why) => {
    await expect(learnWordPiece(corpus, { vocabularySize, specialTokens })).rejects.toThrow(why);
  });

  it('has a schema for configs', () => {
    expect(wordPieceOptions.parse({ vocabularySize: 100, lowercase: false })).toEqual({
      vocabularySize: 100,
      lowercase: false,
    });
    expect(wordPieceOptions.safeParse({ vocabularySize: 5 }).success).toBe(false);
    expect(wordPieceOptions.safeParse({ vocabularySize: 100, alphabetLimit: 0 }).success).toBe(false);
  });
});
