import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { evaluate, summariseScore } from '../../src/evaluate/bits-per-byte.js';
import { decoder } from '../../src/model/decoder.js';
import { mapWeights } from '../../src/model/weights.js';
import type { Packed } from '../../src/tokens/pack.js';
import { heldOutLoss, spreadRows } from '../../src/train/held-out.js';

const architecture = decoder({ layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 16, initDeviation: 0.5 });

/** Rows of arbitrary tokens; the last row counts two of its four targets. */
const packed: Packed = {
  context: 4,
  numRows: 5,
  tokens: Int32Array.from({ length: 25 }, (_, index) => (index * index + 3) % 16),
  weights: new Uint8Array(20).fill(1, 0, 18),
  numTokens: 18,
  numBytes: 60,
};

describe('evaluate', () => {
  it('a model that knows nothing needs log₂ V bits a token: 18 tokens of 4 bits on 60 bytes', async () => {
    const weights = mapWeights(architecture.init(key(1)), (weight) => tf.zerosLike(weight));
    const score = await evaluate({ architecture, weights }, packed);
    expect(score).toMatchObject({ tokens: 18, bytes: 60 });
    expect(score.nats).toBeCloseTo(Math.log(16), 6);
    expect(score.bitsPerByte).toBeCloseTo((18 * 4) / 60, 6);
    expect(summariseScore(score).facts).toMatchObject({ 'bits per byte': 1.2, perplexity: 16 });
  });

  it('is the mean of −log p over the tokens that count, whatever the batch size', async () => {
    const weights = architecture.init(key(2));
    let sum = 0;
    for (let row = 0; row < 5; row++) {
      const ids = [...packed.tokens.subarray(row * 5, row * 5 + 5)];
      const logits = architecture.forward(weights, tf.tensor2d([ids.slice(0, 4)], [1, 4], 'int32'));
      const all = tf.reshape(tf.logSoftmax(logits), [4, 16]).arraySync() as number[][];
      for (let place = 0; place < 4; place++)
        sum -= (packed.weights[row * 4 + place] ?? 0) * (all[place]?.[ids[place + 1] ?? -1] ?? NaN);
    }
    for (const batchSize of [1, 2, 8]) {
      const { nats } = await evaluate({ architecture, weights }, packed, { batchSize });
      expect(nats).toBeCloseTo(sum / 18, 5);
    }
  });

  it('refuses what cannot be scored', async () => {
    const model = { architecture, weights: architecture.init(key(1)) };
    await expect(evaluate(model, { ...packed, context: 9 })).rejects.toThrow(/at most 4 tokens/);
    await expect(evaluate(model, { ...packed, numBytes: 0 })).rejects.toThrow(/cannot be scored/);
  });

  it('spreadRows takes rows evenly, or all of them', async () => {
    const some = spreadRows(packed, 2);
    expect([...some.tokens]).toEqual([...packed.tokens.subarray(0, 5), ...packed.tokens.subarray(10, 15)]); // rows 0 and 2
    expect(spreadRows(packed, 5)).toBe(packed);
    const documents = Int32Array.from({ length: 20 }, (_, index) => index);
    const numbered = spreadRows({ ...packed, documents, positions: documents.map((number) => -number) }, 2);
    expect([...(numbered.documents ?? [])]).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
    expect([...(numbered.positions ?? [])]).toEqual([-0, -1, -2, -3, -8, -9, -10, -11].map((place) => place + 0));
    expect(some.numTokens).toBe(8);
    const { tokens } = await heldOutLoss(architecture, 2)(architecture.init(key(1)), some);
    expect(tokens).toBe(8);
  });
});
