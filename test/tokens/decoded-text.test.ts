import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteCharacters } from '../../src/tokens/byte-level.js';
import { decodedText } from '../../src/tokens/decoded-text.js';
import { readGpt2Files } from '../../src/tokens/gpt2-files.js';
import { parseTokenizer, tokenizerOf } from '../../src/tokens/parse-tokenizer.js';
import { readSentencePiece } from '../../src/tokens/sentencepiece.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

const folder = new URL('fixtures/published/', import.meta.url);
const bytesOf = async (name: string): Promise<Buffer> => gunzipSync(await readFile(new URL(`${name}.gz`, folder)));
const textOf = async (name: string): Promise<string> => (await bytesOf(name)).toString('utf8');

/** As Llama's: a space is ▁, characters that are not in the vocabulary are bytes, and the text's first space goes. */
const bytePieces = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const llama = tokenizerOf({
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'WordLevel',
    vocab: Object.fromEntries(
      ['</s>', '▁', '▁a', 'b', '▁▁', '\uFFFD', '中', ...bytePieces].map((token, id) => [token, id]),
    ),
    unk_token: '</s>',
  },
});

const tokenizers: readonly (readonly [string, Tokenizer])[] = [
  ['bytes (GPT-2)', readGpt2Files({ vocab: await textOf('vocab.json'), merges: await textOf('merges.txt') })],
  ['SentencePiece, unigrams', readSentencePiece(await bytesOf('botchan_en_unigram_1000.model'))],
  ['SentencePiece, BPE', readSentencePiece(await bytesOf('botchan_en_bpe_1000.model'))],
  ['SentencePiece with bytes', llama],
  ['WordPiece (BERT)', parseTokenizer(await textOf('tokenizer.json'))],
];

function pieces(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const text = decodedText(tokenizer);
  return [...ids.map((id) => text.push(id)), text.end()];
}

/** Any ids, with rows of bytes among them where the vocabulary has bytes. */
const someIds = (tokenizer: Tokenizer): fc.Arbitrary<number[]> => {
  const bytes = Array.from({ length: tokenizer.size }, (_, id) => id).filter((id) => {
    const token = tokenizer.token(id) ?? '';
    return /^<0x..>$/.test(token) || byteCharacters.includes(token);
  });
  const any = fc.integer({ min: 0, max: tokenizer.size - 1 }).filter((id) => tokenizer.token(id) !== undefined);
  return fc.array(bytes.length === 256 ? fc.oneof(any, fc.constantFrom(...bytes)) : any, { maxLength: 40 });
};

describe.each(tokenizers)('%s', (_, tokenizer) => {
  it('the pieces of any tokens, joined, are their text; none ends within a character', () => {
    fc.assert(
      fc.property(someIds(tokenizer), (ids) => {
        const whole = tokenizer.decode(ids);
        const all = pieces(tokenizer, ids);
        expect(all.join('')).toBe(whole);
        let length = 0;
        for (const piece of all) {
          length += piece.length;
          if (piece.endsWith('\uFFFD')) expect(whole[length - 1]).toBe('\uFFFD');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a text of several scripts comes back', () => {
    const text = 'Hello, world!  Twice  spaced. 中文字 — naïve 🙂👍🏽 Ж';
    const ids = tokenizer.encode(text);
    expect(pieces(tokenizer, ids).join('')).toBe(tokenizer.decode(ids));
  });
});

it('holds text back until its last character is whole', () => {
  const tokenizer = {
    token: String,
    decode: (ids: ArrayLike<number>) => Buffer.from(Uint8Array.from(ids)).toString('utf8'),
  };
  const text = decodedText(tokenizer);
  expect([...Buffer.from('a中b')].map((byte) => text.push(byte))).toEqual(['a', '', '', '中', 'b']);
  expect(text.push(0xe4)).toBe('');
  expect(text.end()).toBe('\uFFFD');
  expect(text.end()).toBe('');
});

describe.each([
  ['text', 'The quick brown fox. 中文 '],
  ['bytes that are no characters', undefined],
])('ten times as many tokens take ten times as long: %s', (_, sentence) => {
  it.each(tokenizers)('%s', (name, tokenizer) => {
    const last = tokenizer.size - 1;
    const row =
      sentence === undefined ? [name === 'SentencePiece with bytes' ? last : 187] : tokenizer.encode(sentence); // byte FF
    const idsOf = (count: number): number[] =>
      Array.from({ length: count }, (_, index) => row[index % row.length] ?? 0);
    let numDecoded = 0;
    const counting = {
      token: (id: number) => tokenizer.token(id),
      decode: (ids: ArrayLike<number>): string => {
        numDecoded += ids.length;
        return tokenizer.decode(ids);
      },
    };
    const decodedFor = (count: number): number => {
      numDecoded = 0;
      const text = decodedText(counting);
      for (const id of idsOf(count)) text.push(id);
      text.end();
      return numDecoded;
    };
    expect(decodedFor(10_000)).toBeLessThan(10_000 * 40);
    expect(decodedFor(10_000)).toBeLessThan(11 * decodedFor(1000) + 100);
  });
});
