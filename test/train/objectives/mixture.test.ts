import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Decoder } from '../../../src/model/decoder.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { loader } from '../../../src/tokens/loader.js';
import type { Batch } from '../../../src/tokens/loader.js';
import type { TextPairBatch } from '../../../src/tokens/text-pairs.js';
import { mixedLoader } from '../../../src/tokens/mixed-loader.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { classification } from '../../../src/train/objectives/classification.js';
import { contrastive } from '../../../src/train/objectives/contrastive.js';
import type { LabelledRows } from '../../../src/train/objectives/labelled-rows.js';
import { mixture } from '../../../src/train/objectives/mixture.js';
import { train } from '../../../src/train/train.js';
import type { StepResult } from '../../../src/train/step.js';
import { expectClose } from '../../model/close.js';
import { descend } from './descent.js';

const architecture = decoder({ layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 7 });
const weights = architecture.init(key(1));
const batchOf = (seed: number, batchSize: number): Batch => ({
  inputs: Int32Array.from({ length: 4 * batchSize }, (_, place) => (place * seed) % 7),
  targets: Int32Array.from({ length: 4 * batchSize }, (_, place) => (place * seed + 1) % 7),
  weights: Float32Array.from({ length: 4 * batchSize }, (_, place) => place % 3),
  batchSize,
  context: 4,
});
const packed = {
  context: 4,
  numRows: 6,
  tokens: Int32Array.from({ length: 30 }, (_, place) => (place * 3) % 7),
  weights: new Uint8Array(24).fill(1),
  numTokens: 24,
  numBytes: 24,
};

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  const objective = mixture({ text: [causalLanguageModel(), 1] });
  const rest = { optimizer: adamw({ learningRate: 1 }), plan: { steps: 1, batchSize: 4 }, key: key(1) };
  void train(
    { architecture, weights },
    {
      ...rest,
      objective,
      // @ts-expect-error the loader gives no batches of `text`
      data: (options) => mixedLoader({ chats: [(own) => loader(packed, own), 1] }, options),
    },
  );
  // @ts-expect-error an objective has a weight
  mixture({ text: [causalLanguageModel()] });
}

describe('mixture', () => {
  it('by hand: 0.75 of one loss and 0.25 of the other, gradients too; each a mean over its own rows', async () => {
    const [first, second] = [batchOf(3, 2), batchOf(5, 1)];
    const [plain, smoothed] = [causalLanguageModel(), causalLanguageModel({ labelSmoothing: 0.2, zLoss: 0.1 })];
    const loss = mixture<Decoder, DecoderWeights, { text: Batch; noisy: Batch }>({
      text: [plain, 0.75],
      noisy: [smoothed, 0.25],
    })(architecture);
    const found = await descend(loss, weights, { text: first, noisy: second });
    const [one, two] = [
      await descend(plain(architecture), weights, first),
      await descend(smoothed(architecture), weights, second),
    ];
    expect(Object.keys(found.result.parts)).toEqual(['text', 'noisy.loss', 'noisy.zLoss']);
    expect(found.result.parts['text']).toBeCloseTo(0.75 * one.result.loss, 5);
    expect(found.result.parts['noisy.zLoss']).toBeCloseTo(0.25 * (two.result.parts['zLoss'] ?? NaN), 5);
    expect(found.result.loss).toBeCloseTo(0.75 * one.result.loss + 0.25 * two.result.loss, 5);
    for (const [path, gradient] of found.gradients) {
      const expected = [...(one.gradients.get(path) ?? [])].map(
        (number, index) => 0.75 * number + 0.25 * (two.gradients.get(path)?.[index] ?? NaN),
      );
      expectClose(gradient, expected, 1e-6);
    }
  });

  it('tells rates in the unit that all have, and rows together if one has', () => {
    const given = { forward: () => tf.zeros<tf.Rank.R2>([1, 1]) };
    type Same = Readonly<Record<string, never>>;
    const loss = mixture<typeof given, Same, { classes: LabelledRows; pairs: TextPairBatch }>({
      classes: [classification(), 1],
      pairs: [contrastive(), 1],
    })(given);
    expect([loss.unit, loss.rowsTogether]).toEqual(['examples', true]);
    const text = mixture<Decoder, DecoderWeights, { text: Batch }>({ text: [causalLanguageModel(), 1] })(architecture);
    expect([text.unit, text.rowsTogether, text.size({ text: batchOf(3, 2) })]).toEqual(['tokens', false, 8]);
  });

  it('trains on mixed batches', async () => {
    const results: StepResult[] = [];
    await train(
      { architecture, weights },
      {
        objective: mixture({ text: [causalLanguageModel(), 0.75], more: [causalLanguageModel(), 0.25] }),
        data: (options) =>
          mixedLoader(
            { text: [(own) => loader(packed, own), 0.75], more: [(own) => loader(packed, own), 0.25] },
            options,
          ),
        optimizer: adamw({ learningRate: 0.05 }),
        plan: { steps: 12, batchSize: 4, microBatch: 4 },
        key: key(2),
        target: 'graph',
        on: (event) => {
          if (event.type === 'step') results.push(event.result);
        },
      },
    );
    expect(results.at(-1)?.loss).toBeLessThan((results[0]?.loss ?? NaN) - 0.3);
    expect(Object.keys(results[0]?.parts ?? {})).toEqual(['text', 'more']);
  });

  it('refuses weights and names that are none', () => {
    expect(() => mixture({ text: [causalLanguageModel(), 0] })).toThrow(/weight of text/);
    expect(() => mixture({ 'a/b': [causalLanguageModel(), 1] })).toThrow(/without \//);
    expect(() => mixture({})).toThrow(/no objectives/);
  });
});
