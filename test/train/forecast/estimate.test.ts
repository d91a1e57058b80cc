import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { decoder } from '../../../src/model/decoder.js';
import { estimateSeconds } from '../../../src/train/forecast/estimate.js';

const architecture = decoder({ layers: 2, width: 64, heads: 2, context: 32, vocabularySize: 100 });

describe('estimateSeconds', () => {
  it('is 3 × forward FLOPs over 60% of the rate, and compilation: 2 s and ½ s a layer', async () => {
    const asked: number[][] = [];
    const rate = (rows: number, width: number): Promise<number> => {
      asked.push([rows, width]);
      return Promise.resolve(1e9);
    };
    const seconds = await estimateSeconds(architecture, { steps: 50, batchSize: 4 }, rate);
    expect(seconds).toBeCloseTo((3 * architecture.flopsPerToken * 4 * 32 * 50) / 0.6e9 + 3, 6);
    expect(asked).toEqual([[128, 64]]);
  });

  it('measures a rate that a machine can have', async () => {
    const compiling = 3;
    const seconds = await estimateSeconds(architecture, { steps: 1000, batchSize: 4 });
    const flops = (3 * architecture.flopsPerToken * 4 * 32 * 1000) / 0.6;
    const rate = flops / (seconds - compiling);
    expect(rate).toBeGreaterThan(1e7);
    expect(rate).toBeLessThan(1e14);
  });
});
