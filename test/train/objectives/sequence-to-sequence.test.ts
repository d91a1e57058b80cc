import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { encoderDecoder } from '../../../src/model/encoder-decoder/encoder-decoder.js';
import { encoderDecoderFile } from '../../../src/model/encoder-decoder/encoder-decoder-file.js';
import { loadEncoderDecoder } from '../../../src/model/encoder-decoder/encoder-decoder-model.js';
import { namedTensors } from '../../../src/model/names.js';
import { blankLoader } from '../../../src/tokens/sequences/blanks.js';
import { spanDenoiser } from '../../../src/tokens/sequences/denoisers.js';
import { denoisingLoader, sequenceLoader } from '../../../src/tokens/sequences/sequence-loader.js';
import type { SequenceBatch } from '../../../src/tokens/sequences/sequence-loader.js';
import type { PartSums } from '../../../src/train/loss.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { mixture } from '../../../src/train/objectives/mixture.js';
import { sequenceToSequence } from '../../../src/train/objectives/sequence-to-sequence.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { train } from '../../../src/train/train.js';
import { fixture, reference } from '../../model/encoder-reference.js';
import { descend, expectSameDescent } from './descent.js';

// The truth: T5ForConditionalGeneration of Hugging Face transformers, by test/model/fixtures/transformers_t5.py.
const { architecture, weights } = await loadEncoderDecoder(fixture('t5'));
const { tensor, numbers, gradients } = await reference('t5');
const integers = (name: string): Int32Array => Int32Array.from(tensor(name).dataSync());
const labels = integers('labels'); // −100 at padding
const batch: SequenceBatch = {
  sources: { inputs: integers('input_ids'), mask: integers('attention_mask'), context: 14 },
  targets: labels.map((label) => Math.max(0, label)),
  weights: Float32Array.from(labels, (label) => Number(label >= 0)),
  batchSize: 2,
  targetContext: 11,
};
const loss = sequenceToSequence()(architecture);

describe('sequenceToSequence', () => {
  it('equals transformers’ T5: loss and gradients', async () => {
    const found = await descend(loss, weights, batch);
    expect(found.result.loss).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    const named = namedTensors(architecture.specs, encoderDecoderFile(architecture).names);
    const expected = gradients('grad');
    for (const { name, paths, turned } of named.filter(({ turned }) => !turned)) {
      const gradient = found.gradients.get(paths[0] ?? '') ?? new Float32Array();
      const theirs = expected.get(name) ?? new Float32Array();
      const largest = theirs.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
      const worst = theirs.reduce(
        (most, number, index) => Math.max(most, Math.abs(number - (gradient[index] ?? NaN))),
        0,
      );
      expect(worst, `${name} ${turned}`).toBeLessThanOrEqual(1e-3 * largest + 1e-5);
    }
  });

  it.each([
    ['the logits in pieces', { lossChunks: 3 }],
    ['row by row', { microBatch: 1 }],
    ['recomputed', { recompute: true }],
  ])('%s: the same loss and gradients', async (_name, options) => {
    expectSameDescent(await descend(loss, weights, batch, options), await descend(loss, weights, batch), 1e-5);
  });

  it('leaves other elements out for other keys, and none without', async () => {
    const dropping = encoderDecoder({ ...architecture.config, dropout: 0.3 });
    const of = async (seed: number | undefined) => {
      const options = seed === undefined ? {} : { dropoutKey: key(seed) };
      return (await descend(sequenceToSequence()(dropping), weights, batch, options)).result.loss;
    };
    const [none, one, again, other] = [await of(undefined), await of(1), await of(1), await of(2)];
    expect(none).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    expect(one).toBe(again);
    expect(new Set([none, one, other]).size).toBe(3);
  });

  it('is one of several in a mixture, each a mean over its own rows', () => {
    const both = mixture({ translated: [sequenceToSequence(), 0.75], denoised: [sequenceToSequence(), 0.25] });
    const mixed = both(architecture);
    const tensors = mixed.tensors({ translated: batch, denoised: batch });
    const of = (numbers: PartSums) =>
      Object.fromEntries(Object.entries(numbers).map(([name, one]) => [name, one.dataSync()[0]]));
    const [sums, counts] = [of(mixed.sums(weights, tensors)), of(mixed.counts(tensors))];
    expect(mixed.shares).toEqual({ translated: 0.75, denoised: 0.25 });
    expect(counts).toEqual({ translated: 18, denoised: 18 });
    for (const name of ['translated', 'denoised'])
      expect((sums[name] ?? NaN) / 18).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
  });

  it('refuses a z-loss that is none', () => {
    expect(() => sequenceToSequence({ zLoss: -1 })).toThrow(/no such zLoss/);
  });

  it('the types keep batches of one text away', () => {
    const small = encoderDecoder({ layers: 1, width: 8, heads: 2, vocabularySize: 9 });
    // @ts-expect-error a decoder reads no source
    sequenceToSequence()(decoder({ layers: 1, width: 8, heads: 2, context: 8, vocabularySize: 9 }));
    // @ts-expect-error an encoder–decoder predicts no next token of one text
    causalLanguageModel()(small);
    expect(small.kind).toBe('encoderDecoder');
  });
});

describe('learning', () => {
  const optimizer = adamw({ learningRate: 0.01 });

  it('an encoder–decoder learns to turn a sequence around', async () => {
    const small = encoderDecoder({ layers: 1, width: 16, heads: 2, vocabularySize: 8, buckets: 8, distance: 12 });
    const pairs = Array.from({ length: 64 }, (_, index) => {
      const source = [index % 4, (index >> 2) % 4, (index >> 4) % 4].map((digit) => digit + 2);
      return { source, target: [...source].reverse() };
    });
    const losses: number[] = [];
    await train(
      { architecture: small, weights: small.init(key(1)) },
      {
        objective: sequenceToSequence(),
        data: (options) => sequenceLoader(pairs, { sourceContext: 3, targetContext: 3, padding: 0 }, options),
        optimizer,
        plan: { steps: 150, batchSize: 32 },
        key: key(1),
        target: 'graph',
        on: (event) => {
          if (event.type === 'step') losses.push(event.result.loss);
        },
      },
    );
    expect(losses[0]).toBeGreaterThan(1.5);
    expect(losses.at(-1)).toBeLessThan(0.3);
  });

  it.each(['spans', 'blanks'])('what is left out of texts that repeat themselves is learned: %s', async (kind) => {
    // Each text counts on from a number, modulo 8: what is left out follows from what stays.
    const texts = Array.from({ length: 8 }, (_, first) => ({
      tokens: Array.from({ length: 10 }, (_, place) => 4 + ((first + place) % 8)),
    }));
    const losses: number[] = [];
    const shared = {
      optimizer,
      plan: { steps: 150, batchSize: 8 },
      key: key(2),
      target: 'graph',
      on: (event: { readonly type: string; readonly result?: { readonly loss: number } }) => {
        if (event.type === 'step' && event.result !== undefined) losses.push(event.result.loss);
      },
    } as const;
    if (kind === 'spans') {
      const small = encoderDecoder({ layers: 1, width: 16, heads: 2, vocabularySize: 16, buckets: 8, distance: 12 });
      const denoiser = spanDenoiser({ density: 0.3, meanSpan: 1.5, sentinels: [12, 13, 14], end: 1 });
      const denoising = { denoisers: [[denoiser, 1]] as const, sourceContext: 12, targetContext: 8, padding: 0 };
      await train(
        { architecture: small, weights: small.init(key(1)) },
        { objective: sequenceToSequence(), data: (options) => denoisingLoader(texts, denoising, options), ...shared },
      );
    } else {
      const sizes = { layers: 1, width: 16, heads: 2, context: 24, vocabularySize: 16 };
      const small = decoder({ ...sizes, positions: 'learned2d', norm: 'layer', mlp: 'gelu', biases: 'all' });
      const blanks = { mask: 12, start: 2, end: 1, meanBlank: 1.5, context: 24, padding: 0 };
      await train(
        { architecture: small, weights: small.init(key(1)) },
        { objective: causalLanguageModel(), data: (options) => blankLoader(texts, blanks, options), ...shared },
      );
    }
    const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.6 * (losses[0] ?? 0));
  });
});
