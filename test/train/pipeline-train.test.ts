import { plugin } from '../engine/pjrt/cpu-plugin.js'; // before the first device of the CPU is opened
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { setDevice } from '../../src/engine/device.js';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import { decoder } from '../../src/model/decoder.js';
import { weightHash } from '../../src/model/model.js';
import type { Model } from '../../src/model/model.js';
import { decoderStages } from '../../src/model/stages.js';
import { loader } from '../../src/tokens/loader.js';
import type { Batch } from '../../src/tokens/loader.js';
import { decoderFiles } from '../../src/train/checkpoints/decoder-files.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { muon } from '../../src/train/optimizers/muon.js';
import type { PlanOptions } from '../../src/train/plan.js';
import { train } from '../../src/train/train.js';
import type { TrainModelOptions } from '../../src/train/train.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { packedRows } from './small-pretraining.js';

const architecture = decoder({ layers: 3, width: 16, heads: 2, context: 8, vocabularySize: 11, dropout: 0.1 });
const model = (): Model => ({ architecture, weights: architecture.init(key(1)) });
const packed = packedRows(9);
const two = {
  pipeline: { stages: (of: Model) => decoderStages(of, 2), devices: ['cpu:0', 'cpu:1'] },
} as const;

type Options = TrainModelOptions<typeof architecture, DecoderWeights, Batch>;

afterEach(() => {
  setDevice('tensorflow');
});

describe.skipIf(plugin.path === undefined)(`train with a pipeline (${plugin.reason})`, () => {
  const run = async (
    options: Partial<Options> & { readonly more?: Partial<PlanOptions>; readonly stopAt?: number } = {},
  ): Promise<{ losses: number[]; weights: Model; heldOut: number[] }> => {
    setDevice('cpu:0');
    const { more, stopAt, ...rest } = options;
    const losses: number[] = [];
    const heldOut: number[] = [];
    const stop = new AbortController();
    const trained = await train(model(), {
      objective: causalLanguageModel(),
      data: (given) => loader(packed, given),
      heldOut: () => [loader(packed, { batchSize: 4, key: key(9) }).next()],
      optimizer: adamw({ learningRate: 3e-3 }),
      plan: { steps: 8, batchSize: 4, microBatch: 2, evaluateEvery: 4, checkpointEvery: 3, averageDecay: 0.9, ...more },
      key: key(5),
      files: decoderFiles(architecture),
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'step') losses.push(event.result.loss);
        if (event.type === 'evaluation') heldOut.push(event.scores['heldOutLoss'] ?? NaN);
        if (event.type === 'step' && event.step === stopAt) stop.abort();
      },
      ...rest,
    } satisfies Options);
    return { losses, weights: trained, heldOut };
  };
  const farthest = (a: readonly number[], b: readonly number[]): number =>
    Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN))));
  const distance = async (one: Model, other: Model): Promise<number> => {
    const [own, others] = [one, other].map(({ weights }) => flatten<tf.Tensor>(weights as unknown as Tree<tf.Tensor>));
    const all = (own ?? []).map(async (tensor, index) =>
      farthest(Array.from(await tensor.data()), Array.from((await others?.[index]?.data()) ?? [])),
    );
    return Math.max(...(await Promise.all(all)));
  };
  const interrupted = async (folder: string, options: Parameters<typeof run>[0] = {}): Promise<void> => {
    await expect(run({ ...options, checkpoints: folder, stopAt: 5 })).rejects.toMatchObject({ name: 'AbortError' });
  };

  /** Run once for all tests. */
  const once = <R>(make: () => Promise<R>): (() => Promise<R>) => {
    let made: Promise<R> | undefined;
    return () => (made ??= make());
  };
  const wholeRun = once(() => run());
  const stagedRun = once(() => run(two));

  it('gives the losses, evaluations and mean weights of a training in one piece', { timeout: 120_000 }, async () => {
    const [whole, staged] = [await wholeRun(), await stagedRun()];
    expect(staged.losses).toHaveLength(8);
    expect(farthest(staged.losses, whole.losses)).toBeLessThan(1e-5);
    expect(farthest(staged.heldOut, whole.heldOut)).toBeLessThan(1e-5);
    expect(await distance(staged.weights, whole.weights)).toBeLessThan(1e-4);
  });

  it('goes on to the bit after an interrupt, and without stages within rounding', { timeout: 240_000 }, async () => {
    const expected = await stagedRun();
    const folder = await mkdtemp(join(tmpdir(), 'pipeline-'));
    const copy = `${folder}-copy`;
    try {
      await interrupted(folder, two);
      await cp(folder, copy, { recursive: true });
      const resumed = await run({ ...two, checkpoints: folder });
      expect(resumed.losses).toHaveLength(3);
      expect(await weightHash(resumed.weights)).toBe(await weightHash(expected.weights));
      // The checkpoint is that of the network: other stages go on from it, and a training in one piece.
      const other = await run({
        pipeline: { stages: (of: Model) => decoderStages(of, [1, 1, 1]), devices: ['cpu:2', 'cpu:3', 'cpu:4'] },
        checkpoints: copy,
      });
      expect(farthest(other.losses, expected.losses.slice(5))).toBeLessThan(1e-5);
      await rm(join(copy, 'step-00000008'), { recursive: true, force: true });
      const whole = await run({ checkpoints: copy });
      expect(farthest(whole.losses, expected.losses.slice(8 - whole.losses.length))).toBeLessThan(1e-5);
      expect(await distance(whole.weights, expected.weights)).toBeLessThan(1e-4);
    } finally {
      await rm(folder, { recursive: true, force: true });
      await rm(copy, { recursive: true, force: true });
    }
  });

  it('with Muon, which keeps its weights by path, and a state in 8 bits', { timeout: 240_000 }, async () => {
    const options = { optimizer: muon({ learningRate: 3e-3 }), more: { optimizerState: 'int8' } } as const;
    const whole = await run(options);
    const folder = await mkdtemp(join(tmpdir(), 'pipeline-'));
    try {
      await interrupted(folder, { ...two, ...options });
      const staged = await run({ ...two, ...options, checkpoints: folder });
      expect(farthest(staged.losses, whole.losses.slice(5))).toBeLessThan(1e-3);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('says what stages cannot do', { timeout: 60_000 }, async () => {
    await expect(run({ ...two, more: { lossChunks: 2, statisticsEvery: 3 } })).rejects.toThrow(
      /a pipeline does not do this[^]*plan\.lossChunks and plan\.statisticsEvery/u,
    );
    await expect(run({ ...two, more: { precision: 'float16' } })).rejects.toThrow(/gradients of float16 need a scale/u);
  });
});
