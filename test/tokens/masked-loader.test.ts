import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, key } from '../../src/engine/key.js';
import type { Cursor, LoaderOptions } from '../../src/tokens/loader.js';
import { maskTokens } from '../../src/tokens/mask-tokens.js';
import { maskedInOrder, maskedLoader, maskedPairLoader, maskedPairsInOrder } from '../../src/tokens/masked-loader.js';
import type { MaskedPairBatch } from '../../src/tokens/masked-loader.js';
import { sentencePairs } from '../../src/tokens/sentence-pairs.js';

// A vocabulary of 20: 0 [PAD], 1 [CLS], 2 [SEP], 19 [MASK].
const tokenizer = {
  size: 20,
  special: new Map([
    ['[PAD]', 0],
    ['[CLS]', 1],
    ['[SEP]', 2],
    ['[MASK]', 19],
  ]),
};
const masking = { tokenizer, mask: 19, padding: 0, context: 10 };
const documents = [0, 1, 2].map((document) =>
  [0, 1, 2, 3].map((sentence) => [3 + document, 4 + sentence, 5 + document + sentence]),
);
const pairs = sentencePairs(documents, { context: 10, classify: 1, separate: 2, shortShare: 0, key: key(1) });
const texts = pairs.map(({ tokens }) => ({ tokens }));

/** The rows of a batch, one by one. */
function rowsOf(batch: MaskedPairBatch) {
  const { inputs, mask, types, originals, chosen, following, pairWeights, batchSize, context } = batch;
  return Array.from({ length: batchSize }, (_, row) => ({
    texts: [inputs, mask, types ?? [], originals, chosen].map((all) => [
      ...all.slice(row * context, (row + 1) * context),
    ]),
    pair: [following[row], pairWeights[row]],
  }));
}
const take = (options: LoaderOptions, count: number) => {
  const loader = maskedPairLoader(pairs, masking, options);
  return Array.from({ length: count }, () => loader.next());
};

describe('maskedLoader', () => {
  it('gives a row as maskTokens masks it by key, epoch and row, filled up with padding that is never chosen', () => {
    const loader = maskedLoader([{ tokens: [1, 7, 8, 2] }], masking, { batchSize: 1, key: key(4) });
    const seen = [0, 1].map((epoch) => {
      const { inputs, originals, chosen, mask, types, context, batchSize } = loader.next();
      const expected = maskTokens([1, 7, 8, 2], { tokenizer, mask: 19, key: fold(key(4), 'mask'), epoch, row: 0 });
      expect([...inputs]).toEqual([...expected.inputs, 0, 0, 0, 0, 0, 0]);
      expect([...originals]).toEqual([1, 7, 8, 2, 0, 0, 0, 0, 0, 0]);
      expect([...chosen]).toEqual([...expected.weights, 0, 0, 0, 0, 0, 0]);
      expect([...mask]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
      expect([types, context, batchSize]).toEqual([undefined, 10, 1]);
      return inputs;
    });
    expect(seen).toHaveLength(2);
  });

  it('masks anew in each epoch', () => {
    const long = { tokens: Array.from({ length: 10 }, (_, place) => 3 + place) };
    const loader = maskedLoader([long], masking, { batchSize: 1, key: key(4) });
    const masks = new Set(Array.from({ length: 20 }, () => loader.next().chosen.join()));
    expect(masks.size).toBeGreaterThan(10);
  });

  it('gives pairs with their types and whether they follow: class 0 says that they do', () => {
    const [batch] = take({ batchSize: pairs.length, key: key(2) }, 1);
    if (batch === undefined) throw new Error('no batch');
    const written = pairs.map(({ tokens, types, isNext }) => `${tokens.join()} ${types.join()} ${isNext ? 0 : 1}`);
    const found = rowsOf(batch).map(({ texts: [, mask = [], types = [], originals = []], pair: [following] }) => {
      const length = mask.reduce((sum, one) => sum + one, 0);
      return `${originals.slice(0, length).join()} ${types.slice(0, length).join()} ${following}`;
    });
    expect(found.sort()).toEqual(written.sort());
    expect(new Set(batch.following).size).toBe(2);
  });

  it('gives any number of readers the same rows, from any cursor on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer(),
        (count, each, before, seed) => {
          const options = { batchSize: count * each, key: key(seed) };
          const whole = take(options, before + 1).at(-1) as MaskedPairBatch;
          const first = maskedPairLoader(pairs, masking, options);
          for (let done = 0; done < before; done++) first.next();
          const cursor = JSON.parse(JSON.stringify(first.cursor)) as Cursor;
          const parts = Array.from({ length: count }, (_, index) =>
            rowsOf(maskedPairLoader(pairs, masking, { ...options, cursor, reader: { index, count } }).next()),
          );
          const joined = Array.from(
            { length: count * each },
            (_, row) => parts[row % count]?.[Math.floor(row / count)],
          );
          expect(joined).toEqual(rowsOf(whole));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('in order: every row once, the same masks each time, the last batch filled up with rows that do not count', () => {
    const options = { batchSize: 4, key: key(3) };
    const [all, again] = [0, 1].map(() => [...maskedPairsInOrder(pairs, masking, options)]);
    expect(all).toEqual(again);
    const rows = (all ?? []).flatMap(rowsOf);
    expect(rows.filter(({ pair: [, weight] }) => weight === 1)).toHaveLength(pairs.length);
    const counted = rows.filter(({ texts: [, , , , chosen = []] }) => chosen.some((weight) => weight > 0));
    expect(counted).toHaveLength(pairs.length);
    const alone = [...maskedInOrder(texts, masking, options)];
    expect(alone.map(({ inputs }) => inputs)).toEqual((all ?? []).map(({ inputs }) => inputs));
  });

  it('refuses texts that do not fit, and mixed types', () => {
    const options = { batchSize: 1, key: key(1) };
    expect(() => maskedLoader([{ tokens: new Array<number>(11).fill(5) }], masking, options)).toThrow(/11 tokens/);
    expect(() => maskedLoader([{ tokens: [] }], masking, options)).toThrow(/0 tokens/);
    expect(() => maskedLoader([], masking, options)).toThrow(/no texts/);
    expect(() => maskedLoader([{ tokens: [5] }, { tokens: [5], types: [0] }], masking, options)).toThrow(/no types/);
    expect(() => maskedLoader([{ tokens: [5] }], { ...masking, mask: 20 }, options).next()).toThrow(/\[MASK\]/);
  });
});
