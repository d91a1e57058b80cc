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

  it('takes a document as often as a mixture does, its repeats after all others', () => {
    const mixed = [
      { text: 'abc', id: 'A', meta: { epochs: 3 } },
      { text: '学a', id: 'B' },
    ];
    expect(tokenizer.decode(concatenate(mixed, tokenizer))).toBe(
      ['', 'abc', '学a', 'abc', 'abc', ''].join('<|endoftext|>'),
    );
    const packed = pack({ documents: mixed }, tokenizer, 4);
    expect(packed).toMatchObject({ numDocuments: 4, numRows: 4, numTokens: 15, numBytes: 13 });
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

  it('says where documents are, if asked, and how many were cut', () => {
    const packed = pack({ documents }, tokenizer, 3, { documents: true });
    // Seen: 4 a b | c 4 学 | a 4 4: the end of text of a document is the first token of the next.
    expect([...(packed.documents ?? [])]).toEqual([0, 0, 0, /**/ 0, 1, 1, /**/ 0, 1, 2]);
    expect([...(packed.positions ?? [])]).toEqual([0, 1, 2, /**/ 0, 0, 1, /**/ 0, 0, 0]);
    // Targets a b c 4 are in rows 0 and 1, targets 学 a 4 in rows 1 and 2; 2 of 9 places are padding.
    expect(packed).toMatchObject({ numDocuments: 2, numCut: 2, padding: 2 / 9 });
    const aligned = pack({ documents }, tokenizer, 4); // a b c 4 | 学 a 4
    expect(aligned.numCut).toBe(0);
    expect('documents' in aligned || 'positions' in aligned).toBe(false);
  });

  it('refuses no documents, and a context that is none', () => {
    expect(() => pack({ documents: [] }, tokenizer, 3)).toThrow('no documents');
    expect(() => pack({ documents }, tokenizer, 0)).toThrow('context must be positive');
    expect(() => pack({ documents }, tokenizer, 2.5)).toThrow('context must be positive');
  });
});

describe('pack by best fit', () => {
  const abc = characterTokenizer({ documents: [{ text: 'abc' }] }); // a 0, b 1, c 2, end of text 3
  const form = 'best-fit';

  it('keeps documents that fit whole', () => {
    const texts = ['ab', 'c', 'abcab'].map((text) => ({ text }));
    const packed = pack({ documents: texts }, abc, 4, { form });
    // The third has 6 targets: a full row a b c a, and a rest b 3, whose first target is seen from the last a.
    // Targets to place: 4 | ab: 3 | rest: 2, or 3 beside another | c: 2. ab leaves 1; the rest opens a row and c fills it.
    expect([...packed.tokens]).toEqual([3, 0, 1, 2, 0, /**/ 3, 0, 1, 3, 3, /**/ 0, 1, 3, 2, 3]);
    expect([...packed.weights]).toEqual([1, 1, 1, 1, /**/ 1, 1, 1, 0, /**/ 1, 1, 1, 1]);
    expect([...(packed.documents ?? [])]).toEqual([0, 0, 0, 0, /**/ 0, 0, 0, 0, /**/ 0, 0, 1, 1]);
    expect([...(packed.positions ?? [])]).toEqual([0, 1, 2, 3, /**/ 0, 1, 2, 3, /**/ 0, 1, 0, 1]);
    expect(packed).toMatchObject({
      numRows: 3,
      numTokens: 11,
      numBytes: 8,
      numDocuments: 3,
      numCut: 1,
      padding: 1 / 12,
    });
  });

  it('does not predict the first token of a rest from the document before it', () => {
    const packed = pack({ documents: [{ text: 'a' }, { text: 'abcab' }] }, abc, 5, { form });
    // 6 targets: a full row a b c a b, and a rest of one, the end, seen from b. Beside 3 a 3 stands b 3.
    expect([...packed.tokens]).toEqual([3, 0, 1, 2, 0, 1, /**/ 3, 0, 3, 1, 3, 3]);
    expect([...packed.weights.subarray(5)]).toEqual([1, 1, 0, 1, 0]);
    expect([...(packed.documents?.subarray(5) ?? [])]).toEqual([0, 0, 0, 1, 1]);
    expect([...(packed.positions?.subarray(5) ?? [])]).toEqual([0, 1, 2, 0, 1]);
    expect(packed.padding).toBe(0.1);
  });

  it('makes every token of every document a target just once, and cuts only what is longer than a row', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (texts, context) => {
        const packed = pack({ documents: texts.map((text) => ({ text })) }, abc, context, { form });
        // What should be there: the tokens from an end of text to the next, cut after each `context` targets.
        const expected = texts.flatMap((text) => {
          const tokens = [3, ...abc.encode(text), 3];
          return Array.from({ length: Math.ceil((tokens.length - 1) / context) }, (_, part) =>
            tokens.slice(part * context, (part + 1) * context + 1).join(' '),
          );
        });
        expect(parts(packed).sort()).toEqual(expected.sort());
        expect(packed.numTokens).toBe(packed.weights.reduce((sum, weight) => sum + weight, 0));
        expect(packed.numCut).toBe(texts.filter(({ length }) => length + 1 > context).length);
        expect(pack({ documents: texts.map((text) => ({ text })) }, abc, context, { form })).toEqual(packed);
      }),
    );
  });

  it('may leave out where documents are', () => {
    const packed = pack({ documents: [{ text: 'ab' }] }, abc, 4, { form, documents: false });
    expect('documents' in packed || 'positions' in packed).toBe(false);
  });
});

/** Each part of a document, by its number in the row: the tokens seen that count, and the last target. */
function parts({ tokens, weights, context, numRows, documents, positions }: Packed): string[] {
  const found = new Map<string, number[]>();
  for (let row = 0; row < numRows; row++) {
    for (let place = 0; place < context; place++) {
      const at = row * context + place;
      if (weights[at] !== 1) continue;
      const part = found.get(`${row} ${documents?.[at] ?? -1}`) ?? [tokens[row * (context + 1) + place] ?? -1];
      expect(positions?.[at]).toBe(part.length - 1); // from 0 on, without a gap
      part.push(tokens[row * (context + 1) + place + 1] ?? -1);
      found.set(`${row} ${documents?.[at] ?? -1}`, part);
    }
  }
  return [...found.values()].map((part) => part.join(' '));
}

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error no such form
  pack({ documents }, tokenizer, 3, { form: 'first-fit' });
  // @ts-expect-error documents without a text
  pack({ documents: [{ id: 1 }] }, tokenizer, 3);
}

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
