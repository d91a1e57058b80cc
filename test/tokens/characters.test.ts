import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterTokenizer, characters } from '../../src/tokens/characters.js';
import { parseTokenizer } from '../../src/tokens/parse-tokenizer.js';

const require = createRequire(import.meta.url);
const native = require('tokenizers') as {
  Tokenizer: { fromString(json: string): { encode(text: string): Promise<{ getIds(): number[] }> } };
};
const tinyShakespeare = join(process.env['TRAINBOOK_DATA'] ?? '', 'tiny_shakespeare', 'input.txt');

describe('characterTokenizer', () => {
  it('numbers code points in their order, the end of text last', () => {
    const tokenizer = characterTokenizer({ documents: [{ text: 'b😀a' }, { text: '学b\n' }] });
    // \n < a < b < 学 (U+5B66) < 😀 (U+1F600)
    expect(tokenizer.encode('😀学\nab')).toEqual([4, 3, 0, 1, 2]);
    expect([tokenizer.size, tokenizer.endOfText]).toEqual([6, 5]);
    expect(tokenizer.decode([4, 5, 2])).toBe('😀<|endoftext|>b');
  });

  it('gives back any text of its characters, and gives the ids of the native library', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (text) => {
        const tokenizer = characterTokenizer({ documents: [{ text }] });
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect((await native.Tokenizer.fromString(tokenizer.json).encode(text)).getIds()).toEqual(ids);
        expect(parseTokenizer(tokenizer.json).json).toBe(tokenizer.json);
      }),
    );
  });

  it.skipIf(!existsSync(tinyShakespeare))(
    'has the 65 characters of nanoGPT (needs TRAINBOOK_DATA/tiny_shakespeare)',
    async () => {
      const tokenizer = characterTokenizer({ documents: [{ text: await readFile(tinyShakespeare, 'utf8') }] });
      expect(tokenizer.size).toBe(66);
      // nanoGPT's README for shakespeare_char: the characters in order.
      const all = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
      expect(tokenizer.decode(Array.from({ length: 65 }, (_, id) => id))).toBe(all);
    },
  );

  it('refuses what it cannot encode or decode, and says why', () => {
    const tokenizer = characterTokenizer({ documents: [{ text: 'abc' }] });
    expect(() => tokenizer.encode('abd')).toThrow(/lacks a character[\s\S]*"d"/);
    expect(() => tokenizer.decode([7])).toThrow('from 0 to 3');
    expect(() => characterTokenizer({ documents: [{ text: '' }] })).toThrow('no characters');
    expect(() => characters({ a: 0, '<|endoftext|>': 2 })).toThrow('not whole');
  });
});
