import { TrainbookError } from '../error.js';

/** The sizes of a decoder or an encoder that follow from its depth. */
export interface DepthSizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
}

/**
 * One dial for a whole model: layers = depth, width = 64 · depth up to depth 12, and 64 more for each three layers beyond that;
 * a head for each 64 features. GPT-2's sizes lie on it: 12 × 768, 24 × 1,024, 36 × 1,280 (Radford 2019). What matters most is the
 * number of parameters; the ratio of width to depth matters little over a wide range: Kaplan 2020 (2001.08361), section 3.1.
 *
 * @throws TrainbookError if the depth is not a positive integer.
 * @example
 * decoder({ ...sizesOfDepth(12), context: 1024, vocabularySize: 50_257 }); // 12 layers, width 768, 12 heads
 */
export function sizesOfDepth(depth: number): DepthSizes {
  if (!Number.isInteger(depth) || depth < 1) {
    throw new TrainbookError({
      what: 'sizesOfDepth: the depth is a number of layers',
      received: depth,
      expected: 'an integer of at least 1; 4 trains in minutes on a laptop, 12 is GPT-2 small',
    });
  }
  const heads = Math.min(depth, 12) + Math.ceil(Math.max(0, depth - 12) / 3);
  return { layers: depth, width: 64 * heads, heads };
}

/** The sizes that "base" and "large" models usually have: 12 layers of 768 features, 24 of 1,024; a head for each 64. */
export const baseSizes = { base: sizesOfDepth(12), large: sizesOfDepth(24) } as const;
