import type * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import { decoder } from '../../src/model/decoder.js';
import { weightHash } from '../../src/model/model.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { loader } from '../../src/tokens/loader.js';
import type { Batch } from '../../src/tokens/loader.js';
import type { Packed } from '../../src/tokens/pack.js';
import { decoderFiles } from '../../src/train/checkpoints/decoder-files.js';
import type { Preparation } from '../../src/train/feed.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { trainOnPolicy } from '../../src/train/train.js';

const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 11 });
const model = { architecture, weights: architecture.init(key(1)) };
const packed: Packed = {
  context: 8,
  numRows: 7,
  tokens: Int32Array.from({ length: 63 }, (_, index) => (index * index) % 11),
  weights: new Uint8Array(56).fill(1),
  numTokens: 56,
  numBytes: 56,
};

/** Two batches of each: the targets are moved by a number that the weights decide. */
const preparation: Preparation<DecoderWeights, Batch, Batch> = {
  steps: 2,
  prepare: async (rows, weights, step) => {
    const [embedding] = flatten<tf.Tensor>(weights);
    const [first = 0] = (await embedding?.data()) ?? [];
    const shift = Math.floor(Math.abs(first) * 1e6) % 11;
    const moved = rows.targets.map((target) => (target + shift + step) % 11);
    return [rows, { ...rows, targets: moved }];
  },
};

type Options = Partial<
  Parameters<typeof trainOnPolicy<typeof architecture, DecoderWeights, Batch, Batch, typeof model>>[1]
>;

const trained = (options: Options = {}): Promise<typeof model> =>
  trainOnPolicy(model, {
    objective: causalLanguageModel(),
    data: (given) => loader(packed, given),
    preparation,
    optimizer: adamw({ learningRate: 1e-2 }),
    key: key(5),
    target: 'graph',
    files: decoderFiles(architecture),
    ...options,
    plan: { steps: 12, batchSize: 3, checkpointEvery: 4, evaluateEvery: 4, ...options.plan },
  });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'on-policy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a training on what the weights of the moment decide', () => {
  it('goes on exactly, and is interrupted only between batches of the loader', async () => {
    const whole = await weightHash(await trained());
    const stop = new AbortController();
    const steps: number[] = [];
    const checkpoints = join(folder, 'checkpoints');
    const interrupted = trained({
      checkpoints,
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'step') steps.push(event.step);
        if (event.type === 'step' && event.step === 5) stop.abort(); // in the midst of two steps
      },
    });
    await expect(interrupted).rejects.toThrow('interrupted after step 6');
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await weightHash(await trained({ checkpoints }))).toBe(whole);
  });

  it('sees the weights as they are: frozen ones give other batches', async () => {
    const frozen: Preparation<DecoderWeights, Batch, Batch> = {
      ...preparation,
      prepare: (rows, _weights, step) => preparation.prepare(rows, model.weights, step),
    };
    expect(await weightHash(await trained({ preparation: frozen }))).not.toBe(await weightHash(await trained()));
  });

  it('refuses rhythms and numbers that do not fit', async () => {
    await expect(trained({ plan: { steps: 12, batchSize: 3, checkpointEvery: 5 } })).rejects.toThrow(
      'plan.checkpointEvery falls between steps',
    );
    const short = { ...preparation, prepare: (rows: Batch) => Promise.resolve([rows]) };
    await expect(trained({ preparation: short })).rejects.toThrow('another number of batches');
  });
});
