import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, key } from '../../../src/engine/key.js';
import type { Packed } from '../../../src/tokens/pack.js';
import { blankLoader, fillBlanks, leaveBlanks } from '../../../src/tokens/sequences/blanks.js';
import { rowTexts } from '../../../src/tokens/sequences/row-texts.js';
import { prefixLoader } from '../../../src/tokens/sequences/prefix-loader.js';

const [mask, start, end] = [101, 102, 103];
const marks = { mask, start, end };

describe('blanks', () => {
  it('Du’s example: x₃ and x₅ x₆ left out of six tokens, the second filled first', () => {
    const blanks = [
      { start: 2, end: 3 },
      { start: 4, end: 6 },
    ];
    expect(fillBlanks([1, 2, 3, 4, 5, 6], blanks, [1, 0], marks)).toEqual({
      inputs: [1, 2, mask, 4, mask, start, 5, 6, start, 3],
      targets: [0, 0, 0, 0, 0, 5, 6, end, 3, end],
      weights: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
      prefix: 5,
      positions: [0, 1, 2, 3, 4, 4, 4, 4, 2, 2], // figure 2 counts from 1
      blockPositions: [0, 0, 0, 0, 0, 1, 2, 3, 1, 2],
    });
  });

  it('lose nothing: each mask, replaced by what fills it, gives the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        fc.integer(),
        (tokens, density, seed) => {
          const made = leaveBlanks(tokens, { ...marks, density }, key(seed));
          const fillings = new Map<number, number[]>();
          for (let place = made.prefix; place < made.inputs.length; place++) {
            const at = made.positions[place] ?? -1;
            if (made.inputs[place] === start) fillings.set(at, []);
            else fillings.get(at)?.push(made.inputs[place] ?? -1);
          }
          const text = made.inputs
            .slice(0, made.prefix)
            .flatMap((token, place) => (token === mask ? (fillings.get(place) ?? []) : [token]));
          expect(text).toEqual(tokens);
          expect(made.inputs.length).toBeLessThanOrEqual(2 * tokens.length + 2);
          for (const name of ['targets', 'weights', 'positions', 'blockPositions'] as const)
            expect(made[name]).toHaveLength(made.inputs.length);
          // Each target is the next input, or the end of a blank.
          made.targets.slice(made.prefix).forEach((target, index) => {
            const next = made.inputs[made.prefix + index + 1] ?? start;
            expect(target).toBe(next === start ? end : next);
          });
        },
      ),
    );
  });

  it('leave out the share that is asked for, in blanks of a Poisson’s lengths without 0', () => {
    const tokens = Array.from({ length: 400 }, (_, place) => place % 90);
    const drawn = Array.from({ length: 300 }, (_, draw) => leaveBlanks(tokens, marks, fold(key(6), draw)));
    const lengths = drawn.flatMap(({ blockPositions, prefix }) =>
      blockPositions.slice(prefix).flatMap((place, index, all) => ((all[index + 1] ?? 1) === 1 ? [place - 1] : [])),
    );
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(mean).toBeCloseTo(3 / (1 - Math.exp(-3)), 1); // of what is not 0
    const share = lengths.reduce((sum, length) => sum + length, 0) / (300 * 400);
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.16); // the last blank reaches beyond
    const ones = lengths.filter((length) => length === 1).length / lengths.length;
    expect(ones).toBeCloseTo((3 * Math.exp(-3)) / (1 - Math.exp(-3)), 1);
  });

  it('come in batches: every text once an epoch, filled up, the same from any cursor', () => {
    const texts = [3, 7, 12, 20].map((length) => ({ tokens: Array.from({ length }, (_, place) => place) }));
    const blanks = { ...marks, context: 42, padding: 99 };
    const loader = blankLoader(texts, blanks, { batchSize: 4, key: key(2) });
    loader.next();
    const { cursor } = loader;
    const batch = loader.next();
    expect(blankLoader(texts, blanks, { batchSize: 4, key: key(2), cursor }).next()).toEqual(batch);
    expect([...(loader.lastRows ?? [])].sort()).toEqual([0, 1, 2, 3]);
    (loader.lastRows ?? []).forEach((row, place) => {
      const made = leaveBlanks(texts[row]?.tokens ?? [], blanks, fold(fold(fold(key(2), 'blanks'), 1), row));
      const { length } = made.inputs;
      expect([...batch.inputs.subarray(place * 42, place * 42 + length)]).toEqual(made.inputs);
      expect(batch.inputs.subarray(place * 42 + length, (place + 1) * 42).every((token) => token === 99)).toBe(true);
      expect(batch.prefix[place]).toBe(made.prefix);
    });
    expect(() => blankLoader(texts, { ...blanks, context: 41 }, { batchSize: 1, key: key(2) })).toThrow(
      /text 3 does not fit/,
    );
    expect(() => leaveBlanks([1], { ...marks, density: 0 }, key(1))).toThrow(/no such blanks/);
  });
});

const packed: Packed = {
  context: 5,
  numRows: 3,
  tokens: Int32Array.from({ length: 18 }, (_, index) => index),
  weights: new Uint8Array(15).fill(1),
  numTokens: 15,
  numBytes: 15,
};

describe('prefixLoader', () => {
  it('counts what comes after a prefix, whose length is drawn evenly from 1 to context − 1', () => {
    const loader = prefixLoader(packed, { batchSize: 3, key: key(3) });
    const counts = new Map<number, number>();
    for (let epoch = 0; epoch < 400; epoch++) {
      const { inputs, targets, weights, prefix } = loader.next();
      prefix.forEach((length, place) => {
        counts.set(length, (counts.get(length) ?? 0) + 1);
        expect([...weights.subarray(place * 5, place * 5 + 5)]).toEqual(
          [0, 1, 2, 3, 4].map((at) => Number(at >= length - 1)),
        );
        expect(targets[place * 5]).toBe((inputs[place * 5] ?? 0) + 1);
      });
    }
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4]);
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 300) ** 2 / 300, 0);
    expect(chiSquare).toBeLessThan(16.3); // 3 degrees of freedom, once in a thousand
  });

  it('goes on from a cursor, and takes no rows of several documents', () => {
    const loader = prefixLoader(packed, { batchSize: 2, key: key(3) });
    loader.next();
    const { cursor } = loader;
    expect(prefixLoader(packed, { batchSize: 2, key: key(3), cursor }).next()).toEqual(loader.next());
    expect(() => prefixLoader({ ...packed, documents: new Int32Array(15) }, { batchSize: 1, key: key(1) })).toThrow(
      /beginning of one text/,
    );
  });
});

it('the rows of a packing are texts, the last without its padding', () => {
  const weights = Uint8Array.from(packed.weights);
  weights.fill(0, 12); // of the last row only two targets count
  const texts = rowTexts({ ...packed, weights });
  expect(texts.map(({ tokens }) => Array.from(tokens))).toEqual([
    [0, 1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10, 11],
    [12, 13, 14],
  ]);
  expect(() => rowTexts({ ...packed, documents: new Int32Array(15) })).toThrow(/one text/);
});
