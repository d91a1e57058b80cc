import { describe, expect, it } from 'vitest';
import { byteLevelBpe } from '../../src/tokens/byte-level-bpe.js';
import { byteCharacters } from '../../src/tokens/byte-level.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { piecesText, tokenPieces } from '../../src/tokens/token-pieces.js';
import { trainUnigram } from '../../src/tokens/train-unigram.js';
import { trainWordPiece } from '../../src/tokens/train-word-piece.js';

/** The vocabulary of the example in token-pieces.ts: `Ġthe`, and of 中 (E4 B8 AD) its first two bytes. */
const merges = [
  ['Ġ', 't'],
  ['h', 'e'],
  ['Ġt', 'he'],
  ['ä', '¸'],
] as const;
const tokens = ['<|endoftext|>', ...byteCharacters, ...merges.map((pair) => pair.join(''))];
const bpe = byteLevelBpe(Object.fromEntries(tokens.map((token, id) => [token, id])), merges);

const told = (text: string, tokenizer = bpe): readonly (readonly [string, string])[] =>
  tokenPieces(tokenizer, text).pieces.map(({ text, kind }) => [text, kind]);

describe('tokenPieces', () => {
  it('reads the byte-level alphabet, and gives bytes that are no whole characters as numbers', () => {
    expect(told('中 the é')).toEqual([
      ['E4 B8', 'bytes'],
      ['AD', 'bytes'],
      [' the', 'text'],
      [' ', 'text'],
      ['C3', 'bytes'],
      ['A9', 'bytes'],
    ]);
  });

  it('takes ids too, tells special tokens, and counts', () => {
    const pieces = tokenPieces(bpe, Int32Array.of(0, 258));
    expect(pieces).toEqual({
      title: '2 tokens',
      pieces: [
        { id: 0, text: '<|endoftext|>', kind: 'special' },
        { id: 258, text: 'he', kind: 'text' },
      ],
    });
    expect(tokenPieces(bpe, [0]).title).toBe('1 token');
    expect(() => tokenPieces(bpe, [9999])).toThrow('9999');
    // A text is never a special token.
    expect(
      told('<|endoftext|>')
        .map(([text]) => text)
        .join(''),
    ).toBe('<|endoftext|>');
    expect(told('<|endoftext|>').every(([, kind]) => kind === 'text')).toBe(true);
  });

  it('leaves other vocabularies as they are written: é is a letter there, not the byte E9', async () => {
    const documents = [{ text: 'the café the théâtre the bathe\n' }];
    expect(told('é\nt', characterTokenizer({ documents }))).toEqual([
      ['é', 'text'],
      ['\n', 'text'],
      ['t', 'text'],
    ]);
    const wordPiece = await trainWordPiece({ documents }, { vocabularySize: 25, stripAccents: false });
    const ids = wordPiece.encode('the bathe é 中');
    expect(tokenPieces(wordPiece, ids).pieces.map(({ text }) => text)).toEqual(ids.map((id) => wordPiece.token(id)));
    expect(told('é bé', wordPiece).map(([text]) => text)).toEqual(['é', 'b', '##é']);
    expect(told('中', wordPiece)).toEqual([['[UNK]', 'special']]);
    const unigram = await trainUnigram({ documents }, { vocabularySize: 275, byteFallback: true });
    const pieces = told('é 中', unigram);
    expect(pieces.slice(-4).map(([text]) => text)).toEqual(['▁', 'E4', 'B8', 'AD']);
    expect(pieces.slice(-3).map(([, kind]) => kind)).toEqual(['bytes', 'bytes', 'bytes']);
    expect(pieces[0]?.[0]).toContain('▁');
  });
});

describe('piecesText', () => {
  it('parts tokens by bars, with nothing that a terminal would obey', () => {
    const text = piecesText({
      title: 'A title',
      pieces: [
        { id: 1, text: ' the', kind: 'text' },
        { id: 2, text: 'E4 B8', kind: 'bytes' },
        { id: 3, text: '\u001b[0m\n', kind: 'text' },
        { id: 0, text: '<|endoftext|>', kind: 'special' },
      ],
    });
    expect(text).toBe('A title\n the|‹E4 B8›|\\x1b[0m\\n|‹<|endoftext|>›');
  });
});
