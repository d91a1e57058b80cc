import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key, uniformNumbers } from '../../src/engine/key.js';
import { flatten, treeEntries } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import { decoder } from '../../src/model/decoder.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import type { Batch } from '../../src/tokens/loader.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { dynamicLossScale } from '../../src/train/loss-scale.js';
import type { Loss } from '../../src/train/loss.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { chain } from '../../src/train/optimizers/optimizer.js';
import { scaleByLearningRate } from '../../src/train/optimizers/scale-by-learning-rate.js';
import { constant } from '../../src/train/schedules/schedule.js';
import { startTraining } from '../../src/train/step.js';
import type { StepResult, TrainingOptions } from '../../src/train/step.js';
import { expectClose } from '../model/close.js';
import { twoMembers } from './two-members.js';

const architecture = decoder({ layers: 2, width: 16, heads: 2, context: 8, vocabularySize: 13 });
const loss = causalLanguageModel()(architecture);
const weights = architecture.init(key(1));
/** Weights change by minus the gradient. */
const descent = chain(scaleByLearningRate(constant(1)));

/** Rows of two documents each, of which what counts is given. */
function batchOf(batchSize: number, counted: (place: number) => number): Batch {
  const size = batchSize * 8;
  const draw = (name: number): Int32Array =>
    Int32Array.from(uniformNumbers(key(name), size), (number) => Math.floor(number * 13));
  return {
    inputs: draw(2),
    targets: draw(3),
    weights: Float32Array.from({ length: size }, (_, place) => counted(place)),
    documents: Int32Array.from({ length: size }, (_, place) => (place % 8 < 3 ? 1 : 2)),
    positions: Int32Array.from({ length: size }, (_, place) => (place % 8 < 3 ? place % 8 : (place % 8) - 3)),
    batchSize,
    context: 8,
  };
}

interface Outcome {
  readonly result: StepResult;
  readonly weights: Float32Array;
}

/** One step, from the same weights. */
async function stepWith(options: Partial<TrainingOptions<DecoderWeights>>, batch: Batch): Promise<Outcome> {
  const training = startTraining(loss, { weights, optimizer: descent, target: 'graph', ...options });
  const result = await training.step(batch, 1);
  const after = numbersOf(training.weights());
  training.dispose();
  return { result, weights: after };
}

function numbersOf(tree: unknown): Float32Array {
  return Float32Array.from(flatten<tf.Tensor>(tree as Tree<tf.Tensor>).flatMap((leaf) => [...leaf.dataSync()]));
}

function expectSame(received: Outcome, expected: Outcome): void {
  expect(received.result.loss).toBeCloseTo(expected.result.loss, 5);
  expect(received.result.gradientNorm).toBeCloseTo(expected.result.gradientNorm, 5);
  expectClose(received.weights, expected.weights, 2e-6);
}

describe('gradient accumulation', () => {
  it('gives the loss and the gradients of the whole batch, however what counts is spread', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0, 0, 0.5, 1, 3), { minLength: 32, maxLength: 32 }),
        fc.constantFrom(1, 2),
        async (counted, microBatch) => {
          const batch = batchOf(4, (place) => counted[place] ?? 0);
          expectSame(await stepWith({ microBatch }, batch), await stepWith({}, batch));
        },
      ),
      { numRuns: 4, seed: 7 },
    );
  });

  it('a row in which nothing counts adds nothing: by hand', async () => {
    // Two rows, only the first counts: the mean is over its 8 tokens, not over 16, and not the mean of two rows' means.
    const first = batchOf(2, (place) => (place < 8 ? 1 : 0));
    const alone: Batch = {
      ...first,
      inputs: first.inputs.slice(0, 8),
      targets: first.targets.slice(0, 8),
      weights: first.weights.slice(0, 8),
      ...(first.documents && { documents: first.documents.slice(0, 8) }),
      ...(first.positions && { positions: first.positions.slice(0, 8) }),
      batchSize: 1,
    };
    expectSame(await stepWith({ microBatch: 1 }, first), await stepWith({}, alone));
  });

  it('under XLA too', async () => {
    const batch = batchOf(4, (place) => place % 3);
    expectSame(await stepWith({ microBatch: 2, target: 'xla' }, batch), await stepWith({}, batch));
  });

  it('refuses pieces that do not part the batch, and losses that compare rows', async () => {
    await expect(
      stepWith(
        { microBatch: 3 },
        batchOf(4, () => 1),
      ),
    ).rejects.toThrow(/4 rows in pieces of 3/);
    const comparing = { ...loss, rowsTogether: true };
    expect(() => startTraining(comparing, { weights, optimizer: descent, microBatch: 2 })).toThrow(
      /compares the rows of a batch/,
    );
  });
});

describe('recomputation', () => {
  it('changes nothing, alone and with micro-batches', async () => {
    const batch = batchOf(4, (place) => place % 3);
    const plain = await stepWith({}, batch);
    expectSame(await stepWith({ recompute: true }, batch), plain);
    expectSame(await stepWith({ recompute: true, microBatch: 2 }, batch), plain);
  });

  it('draws the same dropout again', async () => {
    const dropping = decoder({ ...architecture.config, dropout: 0.3 });
    const dropped = causalLanguageModel()(dropping);
    const batch = batchOf(2, () => 1);
    const outcomes: Float32Array[] = [];
    for (const recompute of [false, true]) {
      const training = startTraining(dropped, {
        weights,
        optimizer: descent,
        target: 'graph',
        dropoutKey: key(4),
        recompute,
      });
      await training.step(batch, 1);
      outcomes.push(numbersOf(training.weights()));
      training.dispose();
    }
    const [plain = [], again = []] = outcomes;
    expectClose(again, plain, 2e-6);
    const kept = await stepWith({}, batch);
    expect(Math.max(...kept.weights.map((number, index) => Math.abs(number - (plain[index] ?? 0))))).toBeGreaterThan(
      1e-3,
    );
  });
});

/** L = (Σ w x²) / (Σ w) for one number w that is trained; a batch is one x. Its gradient is x². */
const square: Loss<{ readonly w: tf.Tensor }, number> = {
  shares: { loss: 1 },
  unit: 'examples',
  size: () => 1,
  tensors: (x) => ({ x: tf.tensor1d([x]) }),
  counts: () => ({ loss: tf.scalar(1) }),
  sums: ({ w }, { x }) => ({ loss: tf.sum(tf.mul(w, tf.square(x as tf.Tensor))) }),
};

describe('dynamic loss scaling', () => {
  it('leaves out steps that overflow, halves the scale, doubles it after good steps, and recovers: by hand', async () => {
    const training = startTraining(square, {
      weights: { w: tf.scalar(1) },
      optimizer: chain(scaleByLearningRate(constant(0.25))),
      target: 'graph',
      lossScale: dynamicLossScale({ initial: 2 ** 127, growthInterval: 2 }),
    });
    const seen: [number, boolean, number][] = [];
    for (const [index, x] of [2, 2, 1, 1, 0.5].entries()) {
      const { skipped, lossScale } = await training.step(x, index + 1);
      seen.push([lossScale ?? 0, skipped, training.weights().w.dataSync()[0] ?? NaN]);
    }
    // x = 2: 2¹²⁷ · 4 overflows, twice, until the scale is 2¹²⁵ (2¹²⁷ → 2¹²⁶ → 2¹²⁵). Then w ← w − 0.25 x².
    expect(seen).toEqual([
      [2 ** 127, true, 1],
      [2 ** 126, true, 1],
      [2 ** 125, false, 0.75],
      [2 ** 125, false, 0.5],
      [2 ** 126, false, 0.4375],
    ]);
    training.dispose();
  });

  it('float16, emulated, trains like float32', async () => {
    const batch = batchOf(2, () => 1);
    const run = async (options: Partial<TrainingOptions<DecoderWeights>>): Promise<number[]> => {
      const optimizer = adamw({ learningRate: 1e-2 });
      const training = startTraining(loss, { weights, optimizer, target: 'graph', ...options });
      const losses: number[] = [];
      for (let step = 1; step <= 6; step++) losses.push((await training.step(batch, step)).loss);
      training.dispose();
      return losses;
    };
    const half = await run({ precision: 'float16', emulated: true });
    expectClose(half, await run({}), 0.02);
    expect(half.at(-1)).toBeLessThan((half[0] ?? 0) - 0.3);
  });
});

describe('limits', () => {
  it('a step above them, or with a number that is not finite, changes nothing', async () => {
    const training = startTraining(square, {
      weights: { w: tf.scalar(1) },
      optimizer: adamw({ learningRate: 0.1 }),
      target: 'graph',
      skips: true,
    });
    const all = (): number[] =>
      treeEntries<{ read(): tf.Tensor }>(training.cells as never).flatMap(([, cell]) => [...cell.read().dataSync()]);
    await training.step(1, 1);
    const before = all();
    expect((await training.step(9, 2, { loss: 10 })).skipped).toBe(true);
    expect((await training.step(9, 2, { gradientNorm: 10 })).skipped).toBe(true);
    expect((await training.step(NaN, 2)).skipped).toBe(true);
    expect(all()).toEqual(before);
    expect((await training.step(1, 2, { loss: 10, gradientNorm: 10 })).skipped).toBe(false);
    expect(all()).not.toEqual(before);
    training.dispose();
  });
});

describe('data parallel', () => {
  it('two processes with half of the rows each take the step of one with all, however what counts is spread', async () => {
    const whole = batchOf(4, (place) => (place < 20 ? 1 : place % 2));
    const rows = (array: Float32Array | Int32Array, index: number): number[] =>
      [...array].filter((_, place) => Math.floor(place / 8) % 2 === index);
    const members = twoMembers().map((group) => {
      const { inputs, targets, weights: counted, documents = [], positions = [] } = whole;
      const part: Batch = {
        inputs: Int32Array.from(rows(inputs, group.index)),
        targets: Int32Array.from(rows(targets, group.index)),
        weights: Float32Array.from(rows(counted, group.index)),
        documents: Int32Array.from(rows(documents as Int32Array, group.index)),
        positions: Int32Array.from(rows(positions as Int32Array, group.index)),
        batchSize: 2,
        context: 8,
      };
      return stepWith({ group, microBatch: 1 }, part);
    });
    const [first, second] = await Promise.all(members);
    const alone = await stepWith({}, whole);
    expectSame(first as Outcome, alone);
    expect(second?.weights).toEqual(first?.weights);
    expect(second?.result).toEqual(first?.result);
  });
});
