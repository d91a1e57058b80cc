import { plugin } from '../engine/pjrt/cpu-plugin.js'; // before the first device of the CPU is opened
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { fold, key, normal, withDevice } from '../../src/engine/index.js';
import { mesh, stageDevices } from '../../src/engine/mesh/mesh.js';
import { decoder } from '../../src/model/decoder.js';
import type { DecoderOptions } from '../../src/model/decoder-options.js';
import { mlpClassifier } from '../../src/model/mlp-classifier.js';
import { decoderStages, mlpStages } from '../../src/model/stages.js';
import type { PipelineStage, Stages } from '../../src/model/stages.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import type { Batch } from '../../src/tokens/loader.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import type { LabelledRows } from '../../src/train/objectives/labelled-rows.js';
import { classification } from '../../src/train/objectives/classification.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { bubble, gpipe, oneForwardOneBackward } from '../../src/train/pipeline/schedule.js';
import { startPipeline } from '../../src/train/pipeline/pipeline.js';
import type { PipelineOptions } from '../../src/train/pipeline/pipeline.js';
import { constant } from '../../src/train/schedules/schedule.js';
import { startTraining } from '../../src/train/step.js';
import { settledMemory } from '../settled-memory.js';

const shown = (tasks: readonly { readonly pass: string; readonly microBatch: number }[]): string =>
  tasks.map(({ pass, microBatch }) => `${pass === 'forward' ? 'F' : 'B'}${microBatch}`).join(' ');

describe('a schedule', () => {
  it('of GPipe goes all forward, then all backward', () => {
    expect(shown(gpipe(1, 3, 3))).toBe('F0 F1 F2 B0 B1 B2');
  });

  it('of one forward, one backward, keeps as many as there are stages to come', () => {
    expect(shown(oneForwardOneBackward(0, 3, 5))).toBe('F0 F1 F2 B0 F3 B1 F4 B2 B3 B4');
    expect(shown(oneForwardOneBackward(1, 3, 5))).toBe('F0 F1 B0 F2 B1 F3 B2 F4 B3 B4');
    expect(shown(oneForwardOneBackward(2, 3, 5))).toBe('F0 B0 F1 B1 F2 B2 F3 B3 F4 B4');
    expect(shown(oneForwardOneBackward(0, 4, 2))).toBe('F0 F1 B0 B1');
  });

  it('leaves devices idle for a while', () => {
    expect(bubble(4, 12)).toBeCloseTo(0.2);
    expect(bubble(1, 8)).toBe(0);
  });
});

const context = 16;
const batchSize = 8;
function batchOf(step: number): Batch {
  const size = batchSize * context;
  const inputs = Int32Array.from({ length: size }, (_, index) => (index * index * 7 + index * (step % 4)) % 61);
  const weights = Float32Array.from({ length: size }, (_, index) => (index % 7 === 0 ? 0 : 1)); // uneven over pieces
  return { inputs, targets: inputs.map((token) => (3 * token) % 64), weights, batchSize, context };
}
const optimizer = adamw({ learningRate: constant(3e-3) });
const largest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN))));

function decoderOf(options: Partial<DecoderOptions> = {}) {
  const architecture = decoder({ layers: 4, width: 32, heads: 4, context, vocabularySize: 64, ...options });
  return { architecture, weights: architecture.init(key(1)) };
}

type Losses = { readonly losses: number[]; readonly norms: number[] };
async function ofOne(model: ReturnType<typeof decoderOf>, steps: number): Promise<Losses> {
  const training = startTraining(causalLanguageModel()<DecoderWeights>(model.architecture), {
    weights: model.weights,
    optimizer,
    dropoutKey: key(2),
    microBatch: 2,
  });
  const found: Losses = { losses: [], norms: [] };
  for (let step = 1; step <= steps; step++) {
    const { loss, gradientNorm } = await training.step(batchOf(step), step);
    found.losses.push(loss);
    found.norms.push(gradientNorm);
  }
  training.dispose();
  return found;
}

describe.skipIf(plugin.path === undefined)(`a pipeline (${plugin.reason})`, () => {
  const losses = async (steps: number, options: Stages & Partial<PipelineOptions<Batch>>) => {
    const pipeline = startPipeline<Batch>({
      objective: causalLanguageModel(),
      optimizer,
      microBatches: 4,
      dropoutKey: key(2),
      ...options,
    });
    const found: Losses = { losses: [], norms: [] };
    for (let step = 1; step <= steps; step++) {
      const { loss, gradientNorm, skipped } = await pipeline.step(batchOf(step), step);
      expect(skipped).toBe(false);
      found.losses.push(loss);
      found.norms.push(gradientNorm);
    }
    const { mostKept } = pipeline;
    pipeline.dispose();
    return { ...found, mostKept };
  };

  it(
    'of a decoder has the losses and norms of one device over 50 steps, in both schedules',
    { timeout: 120_000 },
    async () => {
      const model = decoderOf({ dropout: 0.1 });
      const expected = await withDevice('cpu:0', () => ofOne(model, 50));
      expect(expected.losses.at(-1)).toBeLessThan((expected.losses[0] ?? 0) / 2);
      const stages = decoderStages(model, 2);
      const one = await losses(50, { ...stages, devices: ['cpu:0', 'cpu:1'] });
      expect(largest(one.losses.slice(0, 10), expected.losses)).toBeLessThan(1e-5);
      expect(largest(one.losses, expected.losses)).toBeLessThan(1e-3);
      expect(largest(one.norms.slice(0, 10), expected.norms)).toBeLessThan(1e-4);
      expect(one.mostKept).toEqual([2, 1]);
      const other = await losses(10, { ...stages, devices: ['cpu:0', 'cpu:1'], schedule: gpipe });
      expect(other.losses).toEqual(one.losses.slice(0, 10)); // the same sums in the same order
      expect(other.mostKept).toEqual([4, 4]);
    },
  );

  it(
    'of stages on meshes is the same, with learned positions and tables that are not tied',
    { timeout: 120_000 },
    async () => {
      const model = decoderOf({
        positions: 'learned',
        norm: 'layer',
        biases: 'all',
        mlp: 'gelu',
        tiedEmbeddings: false,
      });
      const expected = await withDevice('cpu:0', () => ofOne(model, 6));
      const devices = [
        mesh({ data: 2, platform: 'cpu' }),
        mesh({ tensor: 2, first: 2, platform: 'cpu' }),
        'cpu:4',
      ] as const;
      const found = await losses(6, { ...decoderStages(model, [1, 2, 1]), devices });
      expect(largest(found.losses, expected.losses)).toBeLessThan(1e-5);
      expect(found.mostKept).toEqual([3, 2, 1]);
      const alike = stageDevices({ data: 2, pipeline: 2, platform: 'cpu' });
      expect(alike).toEqual(['cpu:data=2', 'cpu:data=2,first=2']);
      const all = await losses(6, { ...decoderStages(model, 2), devices: alike, schedule: gpipe });
      expect(largest(all.losses, expected.losses)).toBeLessThan(1e-5);
    },
  );

  it('without devices runs where all else does', async () => {
    const model = decoderOf();
    const expected = await ofOne(model, 3);
    const found = await losses(3, decoderStages(model, 2));
    expect(largest(found.losses, expected.losses)).toBeLessThan(1e-5);
  });

  it('keeps no tensors', { timeout: 60_000 }, async () => {
    const model = decoderOf();
    const before = await settledMemory();
    await losses(2, { ...decoderStages(model, 2), devices: ['cpu:0', 'cpu:1'] });
    expect((await settledMemory()).tensors).toBe(before.tensors);
  });

  it('of 1000–512–256–10, cut after its first layer, in eight pieces', { timeout: 60_000 }, async () => {
    const architecture = mlpClassifier({ sizes: [1000, 512, 256, 10] });
    const weights = architecture.init(key(3));
    const batch: LabelledRows = {
      inputs: Float32Array.from({ length: 32 * 1000 }, (_, index) => Math.sin(index * index)),
      targets: Int32Array.from({ length: 32 }, (_, row) => row % 10),
      weights: new Float32Array(32).fill(1),
      batchSize: 32,
    };
    const training = startTraining(classification()(architecture), { weights, optimizer });
    const pipeline = startPipeline<LabelledRows>({
      ...mlpStages({ architecture, weights }, [1, 2]),
      objective: classification(),
      optimizer,
      devices: ['cpu:0', 'cpu:1'],
      microBatches: 8,
    });
    for (let step = 1; step <= 5; step++) {
      const expected = await withDevice('cpu:0', () => training.step(batch, step));
      const found = await pipeline.step(batch, step);
      expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-5);
    }
    expect(pipeline.mostKept).toEqual([2, 1]);
    training.dispose();
    pipeline.dispose();
  });

  it('leaves all as it is above a limit, and where a number is not finite', { timeout: 60_000 }, async () => {
    const model = decoderOf({ layers: 2 });
    const pipeline = startPipeline<Batch>({
      ...decoderStages(model, 2),
      objective: causalLanguageModel(),
      optimizer,
      devices: ['cpu:0', 'cpu:1'],
      microBatches: 2,
    });
    const first = await pipeline.step(batchOf(1), 1, { loss: 0.1 });
    expect(first.skipped).toBe(true);
    const again = await pipeline.step(batchOf(1), 1);
    expect([again.loss, again.gradientNorm, again.skipped]).toEqual([first.loss, first.gradientNorm, false]);
    const { embedding } = pipeline.weights() as DecoderWeights;
    expect(await embedding.data()).not.toEqual(await model.weights.embedding.data());
    pipeline.dispose();
  });

  it('of any list of parts goes on after a step that failed, as if it had not been', { timeout: 60_000 }, async () => {
    let fails = false;
    const narrow = (inputs: number, outputs: number, seed: string) =>
      normal(fold(key(4), seed), [inputs, outputs], { deviation: 0.1 });
    const stages: PipelineStage[] = [
      {
        weights: { w: narrow(6, 5, 'a') },
        forward: (given, x) => tf.tanh(tf.matMul(x, (given as { w: tf.Tensor }).w)),
      },
      {
        weights: { w: narrow(5, 3, 'b') },
        forward: (given, x) => {
          if (fails) throw new Error('this part has no kernel');
          return tf.matMul(x, (given as { w: tf.Tensor }).w);
        },
      },
    ];
    const batch = (batchSize: number): LabelledRows => ({
      inputs: Float32Array.from({ length: 6 * batchSize }, (_, index) => Math.sin(index)),
      targets: Int32Array.from({ length: batchSize }, (_, row) => row % 3),
      weights: new Float32Array(batchSize).fill(1),
      batchSize,
    });
    const start = () =>
      startPipeline<LabelledRows>({
        stages,
        tied: [],
        objective: classification(),
        optimizer,
        microBatches: 2,
        devices: ['cpu:0', 'cpu:1'],
      });
    const [plain, failing] = [start(), start()];
    const first = await plain.step(batch(4), 1);
    expect((await failing.step(batch(4), 1)).loss).toBe(first.loss);
    fails = true;
    await expect(failing.step(batch(8), 2)).rejects.toThrow('this part has no kernel'); // of other sizes: traced anew
    fails = false;
    const [expected, found] = [await plain.step(batch(4), 2), await failing.step(batch(4), 2)];
    expect([found.loss, found.gradientNorm]).toEqual([expected.loss, expected.gradientNorm]);
    plain.dispose();
    failing.dispose();
  });

  it('refuses what is no pipeline', async () => {
    const model = decoderOf();
    const objective = causalLanguageModel();
    const all = { ...decoderStages(model, 2), objective, optimizer };
    expect(() => startPipeline<Batch>({ ...all, devices: ['cpu:0'], microBatches: 2 })).toThrow(
      /one device for each stage[^]*2 stages, 1 devices/u,
    );
    expect(() => decoderStages(model, 5)).toThrow(/parts are not the network[^]*5 parts[^]*at most 4 parts/u);
    expect(() => decoderStages(model, [1, 2])).toThrow(/blocks \[1, 2\]/u);
    const pipeline = startPipeline<Batch>({ ...all, microBatches: 3 });
    await expect(pipeline.step(batchOf(1), 1)).rejects.toThrow(/do not part evenly[^]*8 rows in 3 micro-batches/u);
    pipeline.dispose();
  });
});
