import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { blockMixing } from '../../src/model/block-mixing.js';
import { decoder } from '../../src/model/decoder.js';
import { decoderPolicy } from '../../src/model/policy.js';
import { startRollouts } from '../../src/model/rollout.js';
import { expectClose } from './close.js';

// That logits, gradients and cached decoding are those of transformers' DeepSeek-V3 is in families.test.ts.
const latent = { keyValueRank: 6, plainSize: 4, rotarySize: 2, valueSize: 5 };
const sizes = { layers: 2, width: 8, heads: 2, context: 16, vocabularySize: 12, initDeviation: 0.3 } as const;
const architecture = decoder({ ...sizes, latent });

describe('latent attention', () => {
  it('keeps the latent vector and one turned key of each token: 4 bytes for each feature and layer', () => {
    expect(architecture.cacheShape).toEqual({ heads: 1, keySize: 2, valueSize: 6 });
    expect(architecture.cost(10).cacheBytes).toBe(4 * 2 * (6 + 2));
    // Plain attention with heads of 6 features: 4 bytes × 2 layers × (keys and values) × 2 heads × 6.
    expect(decoder({ ...sizes, headSize: 6 }).cost(10).cacheBytes).toBe(4 * 2 * 2 * 2 * 6);
  });

  it('costs what its products cost', () => {
    const { layers, ...more } = architecture.specs;
    expect(layers).toHaveLength(2);
    expect(more.output).toEqual({});
    // By hand: query 8 × 12, latent 8 × 8, keyValue 6 × 18, output 10 × 8; MLP 3 × 8 × 32; the table 12 × 8.
    const matrices = 2 * (96 + 64 + 108 + 80 + 768) + 96;
    expect(architecture.cost(10).forwardFlops).toBe(2 * matrices + 2 * 2 * 2 * (6 + 5) * 10);
    // With a cache each head looks at latent vectors: 6 + 2 features of a key, 6 of a value.
    expect(architecture.cost(10).decodeFlops).toBe(2 * matrices + 2 * 2 * 2 * (8 + 6) * 11);
  });

  it('is the same in blocks of attention', () => {
    const weights = architecture.init(key(1));
    const tokens = tf.tensor2d([[1, 5, 9, 2, 7, 3, 0, 11]], [1, 8], 'int32');
    const blocks = architecture.forward(weights, tokens, {
      attention: (visibility) => blockMixing(visibility, { block: 4 }),
    });
    expectClose(blocks.dataSync(), architecture.forward(weights, tokens).dataSync(), 1e-5);
  });

  it('writes rollouts, also with experts', async () => {
    const mixed = decoder({ ...sizes, latent, experts: { number: 4, active: 2, hidden: 6, fromLayer: 1 } });
    const weights = mixed.init(key(2));
    const rollouts = startRollouts(decoderPolicy(mixed), { batchSize: 2, maxTokens: 3, stops: [], temperature: 0, target: 'graph' }); // prettier-ignore
    const prompts = [[1, 2, 3], [4, 5]]; // prettier-ignore
    const written = await rollouts.write(weights, prompts, key(1));
    for (const [index, { tokens }] of written.entries()) {
      const row = [...(prompts[index] ?? []), ...tokens];
      const logits = mixed.forward(weights, tf.tensor2d([row], [1, row.length], 'int32'));
      const likeliest = tf.argMax(logits, 2).dataSync();
      const first = (prompts[index]?.length ?? 0) - 1;
      expect([...tokens]).toEqual([...likeliest.slice(first, first + 3)]);
    }
    rollouts.dispose();
  });

  it('says what does not fit', () => {
    expect(() => decoder({ ...sizes, latent, headSize: 8 })).toThrow('sizes of its own');
    expect(() => decoder({ ...sizes, latent, positions: 'learned' })).toThrow('rotary positions');
    const past = [0, 1].map(() => ({ keys: tf.zeros([1, 1, 2, 2]), values: tf.zeros([1, 1, 2, 6]) }));
    expect(() => architecture.forward(architecture.init(key(1)), tf.tensor2d([[1]], [1, 1], 'int32'), { past })).toThrow('prefix'); // prettier-ignore
  });
});
