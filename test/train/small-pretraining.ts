import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import type { Packed } from '../../src/tokens/pack.js';
import type { PretrainOptions } from '../../src/train/pretrain.js';

export const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 11 });

/** Rows of a sequence with a rule that can be learned: each token is 3 more than the one before, modulo 11. */
export function packedRows(numRows: number): Packed {
  const context = 8;
  const tokens = Int32Array.from({ length: numRows * (context + 1) }, (_, index) => {
    const row = Math.floor(index / (context + 1));
    return (row + 3 * (index % (context + 1))) % 11;
  });
  const numTokens = numRows * context;
  return { context, numRows, tokens, weights: new Uint8Array(numTokens).fill(1), numTokens, numBytes: numTokens };
}

export const options = {
  data: packedRows(7),
  key: key(5),
  steps: 12,
  batchSize: 3,
  learningRate: 1e-2,
  warmupSteps: 2,
  checkpointEvery: 4,
  target: 'graph', // compiles at once
} satisfies PretrainOptions;
