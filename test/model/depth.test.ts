import { describe, expect, it } from 'vitest';
import { decoder } from '../../src/model/decoder.js';
import { baseSizes, sizesOfDepth } from '../../src/model/depth.js';
import { gpt2Sizes } from '../../src/model/gpt2.js';

describe('sizesOfDepth', () => {
  it('has the sizes of GPT-2 on it', () => {
    expect(sizesOfDepth(12)).toEqual(gpt2Sizes.small);
    expect(sizesOfDepth(24)).toEqual(gpt2Sizes.medium);
    expect(sizesOfDepth(36)).toEqual(gpt2Sizes.large);
    expect(baseSizes).toEqual({ base: gpt2Sizes.small, large: gpt2Sizes.medium });
  });

  it('every depth is a decoder, with heads of 64 features, and grows with the dial', () => {
    let before = 0;
    for (let depth = 1; depth <= 48; depth++) {
      const { config, numParameters } = decoder({ ...sizesOfDepth(depth), context: 8, vocabularySize: 10 });
      expect(config.headSize).toBe(64);
      expect(numParameters).toBeGreaterThan(before);
      before = numParameters;
    }
  });

  it.each([0, -1, 1.5, NaN])('refuses %d', (depth) => {
    expect(() => sizesOfDepth(depth)).toThrow('a number of layers');
  });
});
