import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { bertOptions } from '../../../src/model/bert.js';
import { blockMixing } from '../../../src/model/block-mixing.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Decoder } from '../../../src/model/decoder.js';
import { encoder } from '../../../src/model/encoder.js';
import { gpt2Options } from '../../../src/model/gpt2.js';
import { maskedLanguageModel } from '../../../src/model/heads/masked-language-model.js';
import { withHead } from '../../../src/model/heads/with-head.js';
import { llamaOptions } from '../../../src/model/llama.js';
import { mlpClassifier } from '../../../src/model/mlp-classifier.js';
import { qwen3Options } from '../../../src/model/qwen.js';
import type { Batch } from '../../../src/tokens/loader.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { classification } from '../../../src/train/objectives/classification.js';
import { maskedLanguageModelling } from '../../../src/train/objectives/masked-language-modelling.js';
import type { Computing } from '../../../src/train/loss.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bothLosses } from './model-step.js';
import type { Trained } from './model-step.js';

const [batchSize, context, vocabularySize] = [2, 8, 13];
const sizes = { layers: 1, width: 16, heads: 2, context, vocabularySize };
const token = (place: number): number => (place * 7 + (place >> 2) * 3) % vocabularySize;
const tokens = (shift: number): Int32Array =>
  Int32Array.from({ length: batchSize * context }, (_, place) => token(place + shift));

const batch: Batch = {
  inputs: tokens(0),
  targets: tokens(1),
  weights: Float32Array.from({ length: batchSize * context }, (_, place) => (place % 5 === 4 ? 0 : 1)),
  batchSize,
  context,
};

const language = (architecture: Decoder, computing: Computing = {}): Trained<never, Batch> =>
  ({
    loss: causalLanguageModel()(architecture),
    weights: architecture.init(key(1)),
    batch,
    computing,
  }) as unknown as Trained<never, Batch>;

/** The model with blockwise attention, which runs in loops. */
const inBlocks = (architecture: Decoder): Decoder => ({
  ...architecture,
  hidden: (weights, inputs, options) =>
    architecture.hidden(weights, inputs, {
      ...options,
      attention: (visibility) => blockMixing(visibility, { block: 3 }),
    }),
});

const trunk = encoder({ ...bertOptions, ...sizes });
const bert = withHead(trunk, maskedLanguageModel(trunk));
const masked = {
  loss: maskedLanguageModelling()(bert as never),
  weights: bert.init(key(2)),
  batch: {
    inputs: tokens(0),
    mask: Int32Array.from({ length: batchSize * context }, (_, place) => (place % context === 7 ? 0 : 1)),
    types: Int32Array.from({ length: batchSize * context }, (_, place) => (place % context > 3 ? 1 : 0)),
    originals: tokens(2),
    chosen: Float32Array.from({ length: batchSize * context }, (_, place) => (place % 3 === 0 ? 1 : 0)),
    batchSize,
    context,
  },
};

const mlp = mlpClassifier({ sizes: [6, 8, 3], dropout: 0.2 });
const rows = {
  loss: classification({ classWeights: [1, 2, 1] })(mlp),
  weights: mlp.init(key(3)),
  batch: {
    inputs: Float32Array.from({ length: 30 }, (_, place) => Math.sin(place * 1.7)),
    targets: Int32Array.of(0, 2, 1, 0, 2),
    weights: Float32Array.of(1, 1, 1, 0, 1),
    batchSize: 5,
  },
  dropout: true,
};

const trainings = {
  'GPT-2, with dropout': { ...language(decoder({ ...gpt2Options, ...sizes, dropout: 0.1 })), dropout: true },
  'Llama, blocks computed again and the loss in pieces': language(
    decoder({ ...llamaOptions, ...sizes, keyValueHeads: 1 }),
    { recompute: true, chunks: 2 },
  ),
  'Qwen3, attention in blocks, a row at a time': {
    ...language(inBlocks(decoder({ ...qwen3Options, ...sizes, keyValueHeads: 1 }))),
    microBatch: 1,
  },
  'BERT, masked tokens': masked,
  'an MLP classifier, with dropout': rows,
} as unknown as Record<string, Trained<never, never>>;

describe.skipIf(plugin.path === undefined)(`whole steps of the models (plugin: ${plugin.reason})`, () => {
  it.each(Object.keys(trainings))(
    '%s: the losses of the TensorFlow target to 1e-5',
    async (name) => {
      const trained = trainings[name];
      if (trained === undefined) throw new Error(`no training ${name}`);
      const { actual, expected } = await bothLosses(trained, 4);
      expect(expected[3]).toBeLessThan(expected[0] ?? 0);
      actual.forEach((loss, step) => {
        expect(
          Math.abs(loss - (expected[step] ?? NaN)),
          `step ${step}: ${loss}, ${expected[step] ?? NaN}`,
        ).toBeLessThan(1e-5);
      });
    },
    180_000,
  );

  it('products in bfloat16: factors rounded as TensorFlow rounds them, sums in float32', async () => {
    const trained = { ...language(decoder({ ...gpt2Options, ...sizes })), precision: 'bfloat16' as const };
    const { actual, expected } = await bothLosses(trained, 3);
    actual.forEach((loss, step) => {
      expect(Math.abs(loss - (expected[step] ?? NaN))).toBeLessThan(2e-2); // TensorFlow rounds each product to bfloat16
    });
  }, 180_000);
});
