import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { concatenate, pack } from '../../src/tokens/pack.js';
import type { Packed } from '../../src/tokens/pack.js';

const documents = [{ text: 'abc' }, { text: '学a' }];
const tokenizer = characterTokenizer({ documents }); // a 0, b 1, c 2, 学 3, end of text 4

describe('pack', () => {
  it('lays documents end to end in rows that overlap by one token', () => {
    expect([...concatenate(documents, tokenizer)]).toEqual([4, 0, 1, 2, 4, 3, 0, 4]);
    const packed = pack({ documents }, tokenizer, 3);
    expect([...packed.tokens]).toEqual([4, 0, 1, 2, /**/ 2, 4, 3, 0, /**/ 0, 4, 4, 4]);
    expect([...packed.weights]).toEqual([1, 1, 1, /**/ 1, 1, 1, /**/ 1, 0, 0]);
    // a b c 学 a and two ends of documents are predicted; 学 is 3 bytes of UTF-8.
    expect(packed).toMatchObject({ context: 3, numRows: 3, numTokens: 7, numBytes: 7 });
  });

  it('has no padding where the last row is full', () => {
    expect(pack({ documents }, tokenizer, 7)).toMatchObject({ numRows: 1, weights: new Uint8Array(7).fill(1) });
  });

  it('makes every token of every document a target just once, for any documents and context', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '学') });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (texts, context) => {
        const packed = pack({ documents: texts.map((text) => ({ text })) }, tokenizer, context);
        const counted = targets(packed);
        expect(tokenizer.decode(counted)).toBe(texts.map((text) => `${text}<|endoftext|>`).join(''));
        expect(packed.numTokens).toBe(counted.length);
        expect(packed.numBytes).toBe(Buffer.byteLength(texts.join('')));
        // The input before each target is the token before it in the stream.
        expect(inputs(packed)).toEqual([tokenizer.endOfText, ...counted.slice(0, -1)]);
      }),
    );
  });

  it('refuses no documents, and a context that is none', () => {
    expect(() => pack({ documents: [] }, tokenizer, 3)).toThrow('no documents');
    expect(() => pack({ documents }, tokenizer, 0)).toThrow('context must be positive');
    expect(() => pack({ documents }, tokenizer, 2.5)).toThrow('context must be positive');
  });
});

/** The targets that count, in the order of the rows. */
function targets({ tokens, weights, context }: Packed): number[] {
  return [...weights.keys()]
    .filter((at) => weights[at] === 1)
    .map((at) => tokens[at + Math.floor(at / context) + 1] ?? -1);
}

/** What stands before each of them. */
function inputs({ tokens, weights, context }: Packed): number[] {
  return [...weights.keys()].filter((at) => weights[at] === 1).map((at) => tokens[at + Math.floor(at / context)] ?? -1);
}
