import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { decoder } from '../../../src/model/decoder.js';
import type { DecoderOptions } from '../../../src/model/decoder-options.js';
import { encoder } from '../../../src/model/encoder.js';
import { keptActivations } from '../../../src/model/kept-activations.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { clipByGlobalNorm } from '../../../src/train/optimizers/clip-by-global-norm.js';
import { optimizerStateSize } from '../../../src/train/forecast/optimizer-state.js';
import { stateless } from '../../../src/train/optimizers/optimizer.js';
import { trainingMemory } from '../../../src/train/forecast/training-memory.js';
import type { TrainingMemoryOptions } from '../../../src/train/forecast/training-memory.js';

const architecture = decoder({ layers: 2, width: 8, heads: 2, context: 4, vocabularySize: 10, hidden: 16 });

describe('keptActivations', () => {
  it('by hand: one block of queries, W = A = C = 8, H = 16, 2 heads, 4 tokens', () => {
    // values: 2 sums of 8, gate, up and σ of 16, a softmax of 2 × 4. factors: 2 norms and the mixture of 8, the MLP's inside of 16,
    // queries, keys and values of 8; the softmax, 4 × 4, is no larger than (4 + 4) × headSize 4, so a transposed copy of it: 2 × 4.
    const [kept] = keptActivations(architecture.config, 4);
    expect(kept).toEqual({ values: 16 + 48 + 8, factors: 24 + 16 + 24 + 8, shared: 8, passing: 48 + 16 });
  });

  it('by hand: four blocks of queries see ¼, ½, ¾ and all keys', () => {
    const { config } = decoder({ layers: 1, width: 128, heads: 4, context: 1024, vocabularySize: 10, mlp: 'gelu' });
    const [kept] = keptActivations(config, 1024);
    const softmax = 4 * 1024 * (10 / 16);
    const keysAndValues = 2 * 128 * (1 + 1 / 4 + 1 / 2 + 3 / 4);
    expect(kept?.values).toBe(2 * 128 + 512 + softmax);
    expect(kept?.factors).toBe(3 * 128 + 512 + 128 + keysAndValues);
  });

  it('a window shortens what later blocks see; layers may differ', () => {
    const window = { size: 128, fromLayer: 1 };
    const { config } = decoder({ layers: 2, width: 64, heads: 2, context: 512, vocabularySize: 10, window });
    const [whole, windowed] = keptActivations(config, 512);
    expect(windowed?.values).toBeLessThan(whole?.values ?? 0);
  });

  it('an encoder sees all keys from every query', () => {
    const { config } = encoder({ layers: 1, width: 64, heads: 2, context: 512, vocabularySize: 10 });
    expect(keptActivations(config, 512)[0]?.values).toBe(2 * 64 + 2 * 256 + 2 * 512);
  });
});

describe('optimizerStateSize', () => {
  it('Adam keeps two numbers a weight; nothing is allocated', () => {
    const { numTensors } = tf.memory();
    expect(optimizerStateSize(adamw({ learningRate: 1e-3 }), architecture.specs)).toBe(2 * architecture.numParameters);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('follows the shapes of init: none, or one number for each row of a matrix', () => {
    expect(optimizerStateSize(clipByGlobalNorm(1), architecture.specs)).toBe(0);
    const rows = { ...stateless((gradients) => gradients), init: () => [tf.zeros([3]), tf.zeros([5])] };
    expect(optimizerStateSize(rows, architecture.specs)).toBe(8);
  });
});

describe('trainingMemory', () => {
  const P = 4 * architecture.numParameters;

  it('by hand, at the end of the backward pass: all gradients, and what one block keeps', () => {
    const { parts, moment } = trainingMemory(architecture, { batchSize: 1 });
    expect(parts.weights).toBe(P);
    expect(parts['optimizer state']).toBe(2 * P);
    expect(moment).toBe('the gradient of the first block');
    expect(parts.gradients).toBe(P);
    expect(parts.activations).toBe(4 * 4 * (72 + 72)); // 4 tokens
    expect(parts['gradients of activations']).toBe(4 * 4 * 64);
    expect(parts.logits).toBe(0);
  });

  it('by hand, at the loss: two matrices of logits, all blocks', () => {
    const wide = decoder({ ...architecture.config, vocabularySize: 1000 });
    const { parts, moment } = trainingMemory(wide, { batchSize: 64 });
    const tokens = 64 * 4;
    expect(moment).toBe('the loss');
    expect(parts.logits).toBe(2 * 4 * tokens * 1000);
    expect(parts.activations).toBe(4 * tokens * (2 * 144 + 2 * 8));
    expect(parts['copies of weights']).toBe(2 * 4 * (8 * 24 + 8 * 32));
    expect(parts.gradients).toBe(0);
    const inChunks = trainingMemory(wide, { batchSize: 64, lossChunks: 4 });
    expect(inChunks.total).toBeLessThan(trainingMemory(wide, { batchSize: 64 }).total);
  });

  it('pieces hold the sums of gradients beside their own; so does what goes to other processes', () => {
    expect(trainingMemory(architecture, { batchSize: 2, microBatch: 1 }).parts.gradients).toBe(2 * P);
    const { moment, parts } = trainingMemory(architecture, { batchSize: 2, workers: 2, length: 1 });
    expect(moment).toBe('the sum of gradients over processes');
    expect(parts.gradients).toBe(2 * P);
  });

  it('state in bfloat16 is half, in 8 bits a quarter and a scale for each 256 numbers', () => {
    const state = (optimizerState: TrainingMemoryOptions['optimizerState']): number =>
      trainingMemory(architecture, { batchSize: 1, optimizerState }).parts['optimizer state'];
    expect(state('bfloat16')).toBe(P);
    expect(state('int8')).toBeCloseTo(P / 2 + (2 * P) / 4 / 64);
  });

  it('a given model stays beside the training, first weights that are drawn for it do not', () => {
    expect(trainingMemory(architecture, { batchSize: 1 }).parts['given model']).toBe(0);
    expect(trainingMemory(architecture, { batchSize: 1, drawn: false }).parts['given model']).toBe(P);
  });

  it('refuses pieces that do not part the rows', () => {
    expect(() => trainingMemory(architecture, { batchSize: 4, microBatch: 3 })).toThrow(/does not part evenly/);
    expect(() => trainingMemory(architecture, { batchSize: 4, workers: 3 })).toThrow(/over the processes/);
  });

  interface Setting {
    readonly model: DecoderOptions & { readonly vocabularySize: number };
    readonly plan: TrainingMemoryOptions;
    readonly bytes: number;
  }
  const reference = JSON.parse(
    readFileSync(new URL('../fixtures/step-memory.json', import.meta.url), 'utf8'),
  ) as readonly Setting[];

  it.each(reference)('is within 10% of what XLA reserves: $model $plan', ({ model, plan, bytes }) => {
    const { total, parts } = trainingMemory(decoder(model), plan);
    const outside = parts.program + parts.compiling + parts['given model'] + parts['drawing the first weights'];
    expect((total - outside) / bytes).toBeGreaterThan(0.9);
    expect((total - outside) / bytes).toBeLessThan(1.1);
  });
});
