import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { taggedTextLoader, textLoader } from '../../src/tokens/text-loader.js';
import { textPairLoader } from '../../src/tokens/text-pairs.js';

const sizes = { context: 3, padding: 9 };
const options = { batchSize: 2, key: key(1) };

describe('textLoader', () => {
  const texts = [{ tokens: [1, 5] }, { tokens: [2, 6, 7] }];

  it('gives each text with its class, filled up with padding', () => {
    const { inputs, mask, targets, weights } = textLoader(texts, Int32Array.of(0, 1), sizes, options).next();
    const rows = [0, 1].map((row) => [
      [...inputs.slice(3 * row, 3 * row + 3)],
      [...mask.slice(3 * row, 3 * row + 3)],
      targets[row],
      weights[row],
    ]);
    expect(rows.sort()).toEqual([
      [[1, 5, 9], [1, 1, 0], 0, 1], // prettier-ignore
      [[2, 6, 7], [1, 1, 1], 1, 1], // prettier-ignore
    ]);
  });

  it('gives several numbers for each text', () => {
    const { inputs, targets } = textLoader(texts, Float32Array.of(0.5, 1, 2, 4), sizes, options).next();
    const first = inputs[0] === 1 ? 0 : 1;
    expect(targets).toBeInstanceOf(Float32Array);
    expect([...targets.slice(2 * first, 2 * first + 2)]).toEqual([0.5, 1]);
    expect(targets).toHaveLength(4);
  });

  it('refuses texts without a target', () => {
    expect(() => textLoader(texts, Int32Array.of(1), sizes, options)).toThrow(/2 texts, 1 targets/);
  });
});

describe('taggedTextLoader', () => {
  it('gives each token its class; negative ones and padding do not count', () => {
    const text = { tokens: [1, 5], types: [0, 1], tags: [-100, 2] };
    const { targets, weights, types } = taggedTextLoader([text], sizes, { ...options, batchSize: 1 }).next();
    expect([[...targets], [...weights], [...(types ?? [])]]).toEqual([
      [0, 2, 0],
      [0, 1, 0],
      [0, 1, 0],
    ]);
    expect(() => taggedTextLoader([{ tokens: [1, 5], tags: [1] }], sizes, options)).toThrow(/2 tokens, 1 tags/);
  });
});

describe('textPairLoader', () => {
  const pair = { anchor: { tokens: [1] }, positive: { tokens: [2, 3] } };

  it('keeps the texts of a pair in one row', () => {
    const pairs = [pair, { anchor: { tokens: [4] }, positive: { tokens: [5, 6] } }];
    const { anchors, positives, negatives, weights } = textPairLoader(pairs, sizes, options).next();
    const rows = [0, 1].map((row) => [anchors.inputs[3 * row], positives.inputs[3 * row]]);
    expect(rows.sort()).toEqual([
      [1, 2],
      [4, 5],
    ]);
    expect([negatives, [...weights]]).toEqual([undefined, [1, 1]]);
  });

  it('gives hard negatives if all pairs have one', () => {
    const hard = { ...pair, negative: { tokens: [8] } };
    const { negatives } = textPairLoader([hard], sizes, { ...options, batchSize: 1 }).next();
    expect([...(negatives?.inputs ?? [])]).toEqual([8, 9, 9]);
    expect(() => textPairLoader([hard, pair], sizes, options)).toThrow(/1 of 2/);
  });
});
