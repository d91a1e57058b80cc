import { plugin } from '../engine/pjrt/cpu-plugin.js'; // before the first device of the CPU is opened
import { afterEach, describe, expect, it } from 'vitest';
import { flatten, key, withDevice } from '../../src/engine/index.js';
import type { Cell } from '../../src/engine/index.js';
import { mesh } from '../../src/engine/mesh/mesh.js';
import type { MeshOptions } from '../../src/engine/mesh/mesh.js';
import { sharded } from '../../src/engine/mesh/sharding.js';
import type { Collective } from '../../src/engine/pjrt/collectives.js';
import { decoder } from '../../src/model/decoder.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { shardings } from '../../src/model/shardings.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { constant } from '../../src/train/schedules/schedule.js';
import { startTraining } from '../../src/train/step.js';
import type { Training, TrainingOptions } from '../../src/train/step.js';
import type { Batch } from '../../src/tokens/loader.js';

// Heads × headSize is not the width, so that no two matrices have one shape with different shardings.
const architecture = decoder({
  layers: 2,
  width: 64,
  heads: 4,
  headSize: 8,
  hidden: 160,
  context: 32,
  vocabularySize: 512,
});
const weights = architecture.init(key(1));
const objective = causalLanguageModel()<DecoderWeights>(architecture);
const batchSize = 8;
const rows = batchSize * 32; // of tokens

/** Text whose next token follows from the one before, so that it can be learned. */
function batchOf(step: number): Batch {
  const inputs = Int32Array.from({ length: rows }, (_, index) => (index * index * 7 + index * (step % 4)) % 251);
  const targets = inputs.map((token) => (3 * token) % 512);
  return { inputs, targets, weights: new Float32Array(rows).fill(1), batchSize, context: 32 };
}

const started: Training<DecoderWeights, Batch>[] = [];
afterEach(() => {
  for (const training of started.splice(0)) training.dispose();
});

function start(options: Partial<TrainingOptions<DecoderWeights>> = {}): Training<DecoderWeights, Batch> {
  const training = startTraining(objective, {
    weights,
    optimizer: adamw({ learningRate: constant(3e-3) }),
    dropoutKey: key(2),
    ...options,
  });
  started.push(training);
  return training;
}

async function losses(training: Training<DecoderWeights, Batch>, from: number, to: number): Promise<number[]> {
  const found: number[] = [];
  for (let step = from; step <= to; step++) found.push((await training.step(batchOf(step), step)).loss);
  return found;
}

const on = (options: MeshOptions) => mesh({ ...options, platform: 'cpu' });
const largest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN))));

describe.skipIf(plugin.path === undefined)(`a training on a mesh of devices (${plugin.reason})`, () => {
  let single: Promise<number[]> | undefined;
  const ofOne = (): Promise<number[]> => (single ??= withDevice('cpu:0', () => losses(start(), 1, 50)));

  it.each<MeshOptions>([
    { data: 8 },
    { fsdp: 4 },
    { tensor: 4, sequence: true },
    { data: 2, fsdp: 2, tensor: 2 },
    { data: 4, tensor: 2, zero: 1 },
    { data: 2, fsdp: 2, zero: 2 },
  ])('%o has the losses of one device over 50 steps', { timeout: 120_000 }, async (options) => {
    const expected = await ofOne();
    expect(expected.at(-1)).toBeLessThan((expected[0] ?? 0) / 3);
    const found = await withDevice(on(options), () => losses(start(), 1, 50));
    expect(largest(found.slice(0, 10), expected)).toBeLessThan(1e-5);
    expect(largest(found, expected)).toBeLessThan(1e-4);
  });

  it('goes on on another mesh, and on none, from the cells of a first one', { timeout: 120_000 }, async () => {
    const expected = await ofOne();
    const training = start();
    const found = await withDevice(on({ data: 2, fsdp: 2, tensor: 2 }), () => losses(training, 1, 10));
    const cells = flatten<Cell>(training.cells.optimizer);
    expect(new Set(cells.map(({ device }) => device))).toEqual(new Set(['cpu:data=2,fsdp=2,tensor=2']));
    found.push(...(await withDevice(on({ tensor: 4 }), () => losses(training, 11, 20))));
    found.push(...(await withDevice('tensorflow', () => losses(training, 21, 30))));
    expect(largest(found, expected)).toBeLessThan(1e-5);
  });

  it(
    'in micro-batches, with blocks computed again and logits in pieces, is the same',
    { timeout: 120_000 },
    async () => {
      const expected = await ofOne();
      const training = start({ microBatch: 4, recompute: true, lossChunks: 2 });
      const found = await withDevice(on({ data: 2, tensor: 2 }), () => losses(training, 1, 10));
      expect(largest(found, expected)).toBeLessThan(1e-5);
    },
  );

  it('takes other shardings of a tree like the weights', { timeout: 120_000 }, async () => {
    const expected = await ofOne();
    const usual = shardings(weights);
    const training = start({ shardings: { ...usual, embedding: sharded(null, 'tensor') } });
    const found = await withDevice(on({ tensor: 2 }), () => losses(training, 1, 3));
    expect(largest(found, expected)).toBeLessThan(1e-5);
    const moved = await withDevice(on({ tensor: 2 }), () => training.communication(batchOf(1)));
    expect(moved.some(({ shapes }) => shapes.some((shape) => shape.includes(512)))).toBe(true);
  });
});

/** Shapes of all weights, those of a step's own products among them. */
const parameters = new Set(
  flatten<{ readonly shape: readonly number[] }>(architecture.specs).map(({ shape }) => shape.join()),
);
const elements = (of: readonly Collective[], kind: Collective['kind']): number[] =>
  of.filter((collective) => collective.kind === kind).flatMap(({ bytes }) => bytes / 4);
const isActivation = (shape: readonly number[]): boolean => shape.reduce((a, b) => a * b, 1) === rows * 64;
const numActivations = (of: readonly Collective[], kind: Collective['kind']): number =>
  of.filter((collective) => collective.kind === kind).flatMap(({ shapes }) => shapes.filter(isActivation)).length;

describe.skipIf(plugin.path === undefined)('what crosses the mesh at each step', () => {
  const moved = (options: MeshOptions): Promise<readonly Collective[]> =>
    withDevice(on(options), () => start().communication(batchOf(1)));
  const numParameters = architecture.numParameters;

  it('nothing on one device', async () => {
    expect(await withDevice('cpu:0', () => start().communication(batchOf(1)))).toEqual([]);
    expect(await withDevice('tensorflow', () => start().communication(batchOf(1)))).toEqual([]);
  });

  it('data: the gradients, once', { timeout: 120_000 }, async () => {
    const found = await moved({ data: 4 });
    const reduced = elements(found, 'all-reduce').reduce((a, b) => a + b, 0);
    // The table has two gradients, of its rows and of the logits; the loss, counts and the like are few.
    expect(reduced).toBeGreaterThanOrEqual(numParameters + 512 * 64);
    expect(reduced).toBeLessThan(numParameters + 512 * 64 + 100);
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['all-reduce']));
  });

  it('tensor: sums of activations, two a layer in each direction, and no weight', { timeout: 120_000 }, async () => {
    const found = await moved({ tensor: 4 });
    // Megatron's f and g: two a layer forward and two backward; one after the embedding, one before the logits.
    expect(numActivations(found, 'all-reduce')).toBe(2 * 2 * 2 + 2);
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['all-reduce']));
    const wide = found.flatMap(({ shapes }) => shapes).filter((shape) => shape.length === 2 && !isActivation(shape));
    expect(wide.filter((shape) => parameters.has(shape.join()))).toEqual([]);
  });

  it('fsdp: each weight is gathered for its products, its gradient is summed', { timeout: 120_000 }, async () => {
    const found = await moved({ data: 2, fsdp: 2 });
    const matrices = numParameters - 5 * 64; // without norms
    const gathered = elements(found, 'all-gather').reduce((a, b) => a + b, 0);
    // Once: what a layer has gathered stays until its gradient is computed. With blocks computed again it is gathered again.
    expect(gathered).toBe(matrices);
    expect(numActivations(found, 'all-gather')).toBe(0);
  });

  it('zero: the gradients are summed, and the new weights gathered once', { timeout: 120_000 }, async () => {
    const found = await moved({ data: 4, zero: 1 });
    const gathered = elements(found, 'all-gather').reduce((a, b) => a + b, 0);
    expect(gathered).toBe(numParameters);
    const state = await moved({ data: 4, zero: 2 });
    expect(elements(state, 'all-gather').reduce((a, b) => a + b, 0)).toBe(numParameters);
  });
});
