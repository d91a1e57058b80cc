import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { packExamples } from '../../src/tokens/pack-examples.js';
import type { TokenExample } from '../../src/tokens/pack-examples.js';
import { trainBpe } from '../../src/tokens/train-bpe.js';

const tokenizer = characterTokenizer({ documents: [{ text: 'abcdefg学' }] }); // a 0 … g 6, 学 7, end of text 8
const example = (tokens: readonly number[], counted: readonly number[]): TokenExample => ({
  tokens: Int32Array.from(tokens),
  counted: Uint8Array.from(counted),
});

describe('packExamples', () => {
  it('packs by hand', () => {
    // Context 5: rows of 6 tokens. [0 1 2 3] opens row 0 with 3 predictions and leaves 2 places, which [4 7] takes: its first
    // token is a target, of weight 0. [5 6 8] opens row 1.
    const examples = [example([5, 6, 8], [0, 1, 1]), example([0, 1, 2, 3], [1, 0, 1, 1]), example([4, 7], [0, 1])];
    const packed = packExamples(examples, tokenizer, 5);
    expect([...packed.tokens]).toEqual([0, 1, 2, 3, 4, 7, /**/ 5, 6, 8, 8, 8, 8]);
    expect([...packed.weights]).toEqual([0, 1, 1, 0, 1, /**/ 1, 1, 0, 0, 0]);
    expect([...(packed.documents ?? [])]).toEqual([0, 0, 0, 0, 1, /**/ 0, 0, 0, 1, 1]);
    expect([...(packed.positions ?? [])]).toEqual([0, 1, 2, 3, 0, /**/ 0, 1, 2, 0, 1]);
    // Counted: c d, 学 of 3 bytes, g and an end of text, which is no text. Places after the last target: 3 of 10.
    expect(packed).toMatchObject({
      numTokens: 5,
      numBytes: 6,
      numDocuments: 3,
      numCut: 0,
      numDropped: 0,
      padding: 0.3,
    });
  });

  it('counts the bytes of a character that is of several tokens', async () => {
    const bytes = await trainBpe({ documents: [{ text: 'aa' }] }, { vocabularySize: 258 });
    const ids = bytes.encode('学');
    expect(ids).toHaveLength(3);
    const { numBytes } = packExamples([example([bytes.endOfText, ...ids], [0, 1, 1, 1])], bytes, 8);
    expect(numBytes).toBe(3);
  });

  it('predicts each counted token just once, within its own example', () => {
    const one = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 1 })), { minLength: 2, maxLength: 12 })
      .filter((tokens) => tokens.some(([, counted], index) => index > 0 && counted === 1));
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 11, max: 30 }),
        (drawn, context) => {
          const examples = drawn.map((tokens) =>
            example(
              tokens.map(([token]) => token),
              tokens.map(([, counted]) => counted),
            ),
          );
          const packed = packExamples(examples, tokenizer, context);
          // A prediction: what is seen of the example, and the target.
          const found: string[] = [];
          packed.weights.forEach((weight, at) => {
            if (weight === 0) return;
            const end = at + Math.floor(at / context) + 1; // the target among the tokens
            const seen = (packed.positions?.[at] ?? NaN) + 1;
            expect(packed.documents?.[at]).toBe(packed.documents?.[at - seen + 1]);
            found.push(packed.tokens.subarray(end - seen, end + 1).join(' '));
          });
          const expected = examples.flatMap(({ tokens, counted }) =>
            [...counted.keys()]
              .filter((index) => index > 0 && counted[index] === 1)
              .map((index) => tokens.subarray(0, index + 1).join(' ')),
          );
          expect(found.sort()).toEqual(expected.sort());
          expect(packed.numTokens).toBe(expected.length);
        },
      ),
    );
  });

  it('never cuts in silence', () => {
    const long = example([0, 1, 2, 3, 4], [0, 0, 1, 0, 1]);
    const late = example([0, 1, 2, 3, 4], [0, 0, 0, 0, 1]); // what counts would be cut off
    const fits = example([0, 1, 2], [0, 1, 1]);
    const nothing = example([0, 1], [1, 0]);
    expect(() => packExamples([fits, long], tokenizer, 3)).toThrow(
      /example 1 does not fit[\s\S]*5 tokens[\s\S]*at most 4/,
    );
    expect(() => packExamples([nothing], tokenizer, 3)).toThrow(/example 0 has nothing to predict/);
    const examples = [fits, long, late, nothing];
    const dropped = packExamples(examples, tokenizer, 3, { unfit: 'drop' });
    expect(dropped).toMatchObject({ numDocuments: 1, numCut: 0, numDropped: 3, numTokens: 2 });
    const truncated = packExamples(examples, tokenizer, 3, { unfit: 'truncate' });
    expect(truncated).toMatchObject({ numDocuments: 2, numCut: 1, numDropped: 2, numTokens: 3 });
    expect([...truncated.tokens]).toEqual([0, 1, 2, 3, /**/ 0, 1, 2, 8]);
    expect(() => packExamples([late], tokenizer, 3, { unfit: 'truncate' })).toThrow(/no examples/);
    expect(() => packExamples([], tokenizer, 3)).toThrow(/no examples/);
  });

  it('refuses what is no example', () => {
    expect(() => packExamples([example([0, 1], [1])], tokenizer, 3)).toThrow(/2 tokens, a mask of 1/);
    expect(() => packExamples([example([0, 1], [0, 2])], tokenizer, 3)).toThrow(/a mask with 2/);
    expect(() => packExamples([example([0, 9], [0, 1])], tokenizer, 3)).toThrow(/the token 9[\s\S]*0 to 8/);
    expect(() => packExamples([example([-1, 0], [0, 1])], tokenizer, 3)).toThrow(/the token -1/);
    expect(() => packExamples([example([0, 1], [0, 1])], tokenizer, 0)).toThrow(/context must be positive/);
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error lists of numbers are not typed arrays
  packExamples([{ tokens: [1, 2], counted: [0, 1] }], tokenizer, 4);
  // @ts-expect-error without its mask
  packExamples([{ tokens: Int32Array.of(1, 2) }], tokenizer, 4);
  // @ts-expect-error no such word
  packExamples([], tokenizer, 4, { unfit: 'ignore' });
}
