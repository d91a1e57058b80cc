import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { parseTokenizer } from '../../src/tokens/parse-tokenizer.js';
import { tokenizerCodec } from '../../src/tokens/tokenizer-codec.js';

const tokenizer = characterTokenizer({ documents: [{ text: 'abc 学' }] });

describe('tokenizerCodec', () => {
  it('keeps a tokenizer as tokenizer.json', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-学-'));
    try {
      await tokenizerCodec.write(tokenizer, folder);
      expect(await readFile(join(folder, 'tokenizer.json'), 'utf8')).toBe(tokenizer.json);
      const again = await tokenizerCodec.read(folder);
      expect(again.encode('学 a')).toEqual(tokenizer.encode('学 a'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('knows a tokenizer from other values and summarises it', () => {
    expect([tokenizer, {}, null, 'a'].map((value) => tokenizerCodec.is(value))).toEqual([true, false, false, false]);
    expect(tokenizerCodec.summarise(tokenizer)).toMatchObject({
      facts: { 'tokens in the vocabulary': 6 },
      texts: [{ text: '"<|endoftext|>" "学" "c" "b" "a" " "' }],
    });
  });

  it('refuses other files by name', () => {
    expect(() => parseTokenizer('{', 'a/tokenizer.json')).toThrow('a/tokenizer.json is not JSON');
    expect(() => parseTokenizer('{"model":{"type":"Unigram"}}')).toThrow('a model of type Unigram');
    expect(() => parseTokenizer('{"model":{"type":"BPE","vocab":{},"merges":["a b c"]}}')).toThrow(
      'a model of type BPE',
    );
    expect(() => parseTokenizer('3')).toThrow('a model of type none');
  });
});
