import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Batch } from '../../../src/tokens/loader.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { descend, expectSameDescent } from './descent.js';

const sizes = { layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 13 };

/** Three rows of two documents each, in which tokens count differently. */
function batchOf(counted: (place: number) => number): Batch {
  const draw = (seed: number): Int32Array =>
    Int32Array.from(uniformNumbers(key(seed), 24), (number) => Math.floor(number * 13));
  return {
    inputs: draw(2),
    targets: draw(3),
    weights: Float32Array.from({ length: 24 }, (_, place) => counted(place)),
    documents: Int32Array.from({ length: 24 }, (_, place) => (place % 8 < 3 ? 1 : 2)),
    positions: Int32Array.from({ length: 24 }, (_, place) => (place % 8 < 3 ? place % 8 : (place % 8) - 3)),
    batchSize: 3,
    context: 8,
  };
}
const batch = batchOf((place) => [0, 1, 0.5, 3][place % 4] ?? 0);

describe('logits in pieces', () => {
  it.each([true, false])('tied %s: loss and all gradients are those of the whole', async (tiedEmbeddings) => {
    const architecture = decoder({ ...sizes, tiedEmbeddings });
    const weights = architecture.init(key(1));
    const loss = causalLanguageModel({ zLoss: 0.01, labelSmoothing: 0.1 })(architecture);
    const whole = await descend(loss, weights, batch);
    for (const lossChunks of [2, 5, 100]) {
      expectSameDescent(await descend(loss, weights, batch, { lossChunks }), whole);
    }
    expectSameDescent(await descend(loss, weights, batch, { lossChunks: 2, microBatch: 1, recompute: true }), whole);
    const plain = causalLanguageModel()(architecture);
    expectSameDescent(await descend(plain, weights, batch, { lossChunks: 3 }), await descend(plain, weights, batch));
  });
});
void tf;
void expect;
