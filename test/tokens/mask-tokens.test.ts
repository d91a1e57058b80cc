import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { maskTokens } from '../../src/tokens/mask-tokens.js';
import type { MaskedTokens, MaskTokensOptions } from '../../src/tokens/mask-tokens.js';

// A vocabulary of 20: 0 [PAD], 1 [CLS], 2 [SEP], 19 [MASK]; 3 … 9 begin words, 10 … 18 are written ##….
const tokenizer = {
  size: 20,
  special: new Map([
    ['[PAD]', 0],
    ['[CLS]', 1],
    ['[SEP]', 2],
    ['[MASK]', 19],
  ]),
};
const options: MaskTokensOptions = { tokenizer, mask: 19, key: key(1), epoch: 0, row: 0 };
const startsWord = (id: number): boolean => id < 10;
const isSpecial = (id: number): boolean => id < 3 || id === 19;

const chosen = ({ weights }: MaskedTokens): number[] => [...weights.keys()].filter((place) => weights[place] === 1);

describe('maskTokens', () => {
  it('chooses max(1, round(0.15 n)) tokens that are not special, and leaves all others', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(19), { maxLength: 200 }), fc.integer(), fc.nat(99), (row, seed, epoch) => {
        const masked = maskTokens(row, { ...options, key: key(seed), epoch });
        const numOrdinary = row.filter((id) => !isSpecial(id)).length;
        expect(chosen(masked)).toHaveLength(numOrdinary === 0 ? 0 : Math.max(1, Math.round(0.15 * numOrdinary)));
        expect([...masked.targets]).toEqual(row);
        row.forEach((id, place) => {
          if (masked.weights[place] === 0) expect(masked.inputs[place]).toBe(id);
          else expect(isSpecial(id)).toBe(false);
          // What is put in is [MASK] or an ordinary token.
          if (masked.inputs[place] !== id)
            expect(masked.inputs[place] === 19 || !isSpecial(masked.inputs[place] ?? 0)).toBe(true);
        });
      }),
    );
    // 0.15 · 4 = 0.6 → 1; 0.15 · 1 → at least 1; 0.15 · 10 = 1.5 → 2; 0.15 · 50 = 7.5 → 8.
    for (const [length, count] of [
      [1, 1],
      [4, 1],
      [10, 2],
      [50, 8],
    ] as const) {
      expect(chosen(maskTokens(new Int32Array(length).fill(5), options))).toHaveLength(count);
    }
  });

  it('of the chosen, masks 80%, replaces 10% by any ordinary token, leaves 10%; every place is chosen alike', () => {
    const row = new Int32Array(20).fill(5);
    const places = new Array<number>(20).fill(0);
    const ids = new Array<number>(20).fill(0);
    const numRows = 10_000; // of 3 chosen tokens each
    for (let index = 0; index < numRows; index++) {
      const masked = maskTokens(row, { ...options, row: index });
      for (const place of chosen(masked)) {
        places[place] = (places[place] ?? 0) + 1;
        const id = masked.inputs[place] ?? 0;
        ids[id] = (ids[id] ?? 0) + 1;
      }
    }
    // Of 30,000: [MASK] 24,000; each of the 16 ordinary tokens by chance 3,000 / 16 = 187.5; 5 besides as it was, 3,000.
    const expected = ids.map((_, id) => (id === 19 ? 24_000 : isSpecial(id) ? 0 : id === 5 ? 3187.5 : 187.5));
    const ordinary = ids.flatMap((count, id) =>
      expected[id] === 0 ? [] : [(count - (expected[id] ?? 0)) ** 2 / (expected[id] ?? 1)],
    );
    expect(ids.filter((_, id) => expected[id] === 0)).toEqual([0, 0, 0]);
    // 17 outcomes: χ² with 16 degrees of freedom is below 39.3 with probability 0.999; places: 19, below 43.8.
    expect(ordinary).toHaveLength(17);
    expect(ordinary.reduce((sum, part) => sum + part, 0)).toBeLessThan(39.3);
    expect(places.reduce((sum, count) => sum + (count - 1500) ** 2 / 1500, 0)).toBeLessThan(43.8);
  });

  it('is a function of key, epoch and row: equal ones mask alike, others otherwise', () => {
    const row = Int32Array.from({ length: 100 }, (_, index) => 3 + (index % 16));
    const first = maskTokens(row, options);
    expect(maskTokens(row, { ...options, key: key(1) })).toEqual(first);
    for (const other of [{ epoch: 1 }, { row: 1 }, { key: key(2) }]) {
      expect(chosen(maskTokens(row, { ...options, ...other }))).not.toEqual(chosen(first));
    }
    // Epoch 1 of row 0 is not row 1 of epoch 0.
    expect(maskTokens(row, { ...options, epoch: 1 })).not.toEqual(maskTokens(row, { ...options, row: 1 }));
  });

  it('chooses words whole, no more tokens than without, at least one word', () => {
    // [CLS] a ##b ##c | d | e ##f [SEP] ##g h: after [SEP] a new word begins in any case.
    const row = [1, 3, 10, 11, 4, 5, 12, 2, 13, 6];
    const words = [[1, 2, 3], [4], [5, 6], [8], [9]];
    for (let index = 0; index < 200; index++) {
      // round(0.25 · 8) = 2 tokens: the word of two, or two words of one.
      const places = chosen(maskTokens(row, { ...options, share: 0.25, startsWord, row: index }));
      expect(places).toHaveLength(2);
      expect(words.filter((word) => word.every((place) => places.includes(place))).flat()).toEqual(places);
    }
    // One word of three tokens, and round(0.15 · 3) → 1: the word is chosen nevertheless.
    expect(chosen(maskTokens([1, 3, 10, 11, 2], { ...options, startsWord }))).toEqual([1, 2, 3]);
    // Without `startsWord` one token of it.
    expect(chosen(maskTokens([1, 3, 10, 11, 2], options))).toHaveLength(1);
  });

  it('never takes apart a word, for any row', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(19), { maxLength: 100 }), fc.nat(), (row, index) => {
        const { weights } = maskTokens(row, { ...options, startsWord, row: index });
        row.forEach((id, place) => {
          const before = row[place - 1];
          if (before === undefined || isSpecial(before) || isSpecial(id) || startsWord(id)) return;
          expect(weights[place]).toBe(weights[place - 1]);
        });
      }),
    );
  });

  it('refuses a share that is none, and a [MASK] that is no token', () => {
    for (const share of [0, -1, 1.1, NaN]) expect(() => maskTokens([5], { ...options, share })).toThrow(/share/);
    for (const mask of [20, -1, 1.5]) expect(() => maskTokens([5], { ...options, mask })).toThrow(/not a token/);
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error a mask is drawn by key, epoch and row
  maskTokens([5], { tokenizer, mask: 19, key: key(1), epoch: 0 });
  // @ts-expect-error a seed is no key
  maskTokens([5], { ...options, key: 1 });
}
