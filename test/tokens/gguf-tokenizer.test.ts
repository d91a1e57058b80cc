import { expect, it } from 'vitest';
import { ggufTokenizer } from '../../src/tokens/gguf-tokenizer.js';

// SentencePiece with five pieces; types: 2 unknown, 3 control, 1 plain.
const metadata = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '▁', 'a', '▁a'],
  'tokenizer.ggml.token_type': [2, 3, 3, 1, 1, 1],
  'tokenizer.ggml.scores': [0, 0, 0, -3, -2, -1],
  'tokenizer.ggml.bos_token_id': 1,
  'tokenizer.ggml.eos_token_id': 2,
};

it('a text begins with the token that the file asks for: SentencePiece’s unless it says otherwise', () => {
  const framed = (more: object): number[] => {
    const tokenizer = ggufTokenizer({ ...metadata, ...more });
    expect(tokenizer.endOfText).toBe(2);
    expect(tokenizer.encode('aa')).toEqual([5, 4]);
    return tokenizer.frame(tokenizer.encode('aa')).ids;
  };
  expect(framed({})).toEqual([1, 5, 4]);
  expect(framed({ 'tokenizer.ggml.add_bos_token': true })).toEqual([1, 5, 4]);
  expect(framed({ 'tokenizer.ggml.add_bos_token': false })).toEqual([5, 4]);
  expect(framed({ 'tokenizer.ggml.bos_token_id': undefined })).toEqual([5, 4]);
});

it('kinds and words that are not known are refused by their names', () => {
  expect(() => ggufTokenizer({ ...metadata, 'tokenizer.ggml.model': 'rwkv' })).toThrow('tokenizer.ggml.model "rwkv"');
  const byteLevel = { ...metadata, 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'dbrx' };
  expect(() => ggufTokenizer(byteLevel)).toThrow('tokenizer.ggml.pre "dbrx"');
  expect(() => ggufTokenizer({})).toThrow('holds no tokenizer');
});
