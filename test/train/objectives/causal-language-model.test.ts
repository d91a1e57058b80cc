import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { normal } from '../../../src/engine/random.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Decoder } from '../../../src/model/decoder.js';
import { lora } from '../../../src/model/lora.js';
import type { Batch } from '../../../src/tokens/loader.js';
import { zLosses, tokenLosses } from '../../../src/train/objectives/cross-entropy.js';
import type { PartSums, RowTensors } from '../../../src/train/loss.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { expectClose } from '../../model/close.js';
import { descend, expectSameDescent } from './descent.js';
import { reference } from './reference.js';

const sizes = { layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 13 };

/** Three rows of two documents each, in which tokens count differently. */
const draw = (seed: number): Int32Array =>
  Int32Array.from(uniformNumbers(key(seed), 24), (number) => Math.floor(number * 13));
const batch: Batch = {
  inputs: draw(2),
  targets: draw(3),
  weights: Float32Array.from({ length: 24 }, (_, place) => [0, 1, 0.5, 3][place % 4] ?? 0),
  documents: Int32Array.from({ length: 24 }, (_, place) => (place % 8 < 3 ? 1 : 2)),
  positions: Int32Array.from({ length: 24 }, (_, place) => (place % 8 < 3 ? place % 8 : (place % 8) - 3)),
  batchSize: 3,
  context: 8,
};

describe('causalLanguageModel', () => {
  const { logits, targets, weights, labelSmoothing, smoothed, zLoss } = reference.tokens;
  // Logits as weights: their gradients are the loss's own.
  type Logits = { readonly logits: tf.Tensor };
  const given = { forward: ({ logits: z }: Logits) => tf.reshape(z, [1, 6, 7]) };
  const row: Batch = {
    inputs: new Int32Array(6),
    targets: Int32Array.from(targets),
    weights: Float32Array.from(weights),
    batchSize: 1,
    context: 6,
  };
  const start = (): Logits => ({ logits: tf.tensor2d(logits) });

  it('with label smoothing equals PyTorch’s', async () => {
    const { result, gradients } = await descend(causalLanguageModel({ labelSmoothing })(given), start(), row);
    expect(result.loss).toBeCloseTo(smoothed.loss, 5);
    expectClose(gradients.get('logits') ?? [], smoothed.gradients.flat(2), 1e-6);
  });

  it('with z-loss adds z times the mean of PyTorch’s logsumexp², as a part of its own', async () => {
    const plain = await descend(causalLanguageModel({ labelSmoothing })(given), start(), row);
    const { result, gradients } = await descend(
      causalLanguageModel({ labelSmoothing, zLoss: 0.3 })(given),
      start(),
      row,
    );
    expect(result.parts['loss']).toBeCloseTo(smoothed.loss, 5);
    expect(result.parts['zLoss']).toBeCloseTo(0.3 * zLoss.loss, 5);
    const expected = [...(plain.gradients.get('logits') ?? [])].map(
      (gradient, index) => gradient + 0.3 * (zLoss.gradients.flat(2)[index] ?? NaN),
    );
    expectClose(gradients.get('logits') ?? [], expected, 2e-6);
  });

  it('by hand: of logits 0 and log 3, Σ exp is 4 and softmax (1/4, 3/4)', () => {
    const z = tf.tensor2d([[0, Math.log(3)]]);
    const y = tf.tensor1d([1], 'int32');
    expect(tokenLosses(z, y).dataSync()[0]).toBeCloseTo(Math.log(4 / 3), 6);
    // ε = 1/2: the target becomes (1/4, 3/4) too, the loss its entropy, and the gradient vanishes.
    const { value, grad } = tf.valueAndGrad((x) => tf.sum(tokenLosses(x as tf.Tensor2D, y, { labelSmoothing: 0.5 })))(
      z,
    );
    expect(value.dataSync()[0]).toBeCloseTo(Math.log(4) / 4 + (3 * Math.log(4 / 3)) / 4, 6);
    expectClose(grad.dataSync(), [0, 0], 1e-7);
    // (log 4)², whose gradient is 2 log 4 · softmax.
    const squares = tf.valueAndGrad((x) => tf.sum(zLosses(x as tf.Tensor2D)))(z);
    expect(squares.value.dataSync()[0]).toBeCloseTo(Math.log(4) ** 2, 6);
    expectClose(squares.grad.dataSync(), [Math.log(4) / 2, (3 * Math.log(4)) / 2], 1e-6);
  });

  it('refuses numbers that are out of range', () => {
    expect(() => causalLanguageModel({ labelSmoothing: 1 })).toThrow(/labelSmoothing/);
    expect(() => causalLanguageModel({ zLoss: 0 })).toThrow(/zLoss/);
  });
});

describe('logits in pieces', () => {
  it.each([true, false])('tied %s: loss and all gradients are those of the whole', async (tiedEmbeddings) => {
    const architecture = decoder({ ...sizes, tiedEmbeddings });
    const weights = architecture.init(key(1));
    const loss = causalLanguageModel({ zLoss: 0.01, labelSmoothing: 0.1 })(architecture);
    const whole = await descend(loss, weights, batch);
    for (const lossChunks of [2, 5]) expectSameDescent(await descend(loss, weights, batch, { lossChunks }), whole);
    expectSameDescent(await descend(loss, weights, batch, { lossChunks: 2, microBatch: 1, recompute: true }), whole);
  });

  // A model of one table, which compiles at once.
  type Table = { readonly table: tf.Tensor };
  const hidden = ({ table }: Table, inputs: tf.Tensor): tf.Tensor => tf.gather(table, inputs);
  const logitsOf = ({ table }: Table, states: tf.Tensor): tf.Tensor =>
    tf.reshape(tf.matMul(tf.reshape(states, [-1, 4]), table, false, true), [...states.shape.slice(0, -1), 13]);
  const oneTable = {
    hidden,
    logits: logitsOf,
    forward: (weights: Table, inputs: tf.Tensor) => logitsOf(weights, hidden(weights, inputs)),
  };
  const tableOf = (): Table => ({ table: normal(key(3), [13, 4]) });

  it('without z-loss, in more pieces than rows, and under XLA', async () => {
    const loss = causalLanguageModel()(oneTable);
    const whole = await descend(loss, tableOf(), batch);
    expectSameDescent(await descend(loss, tableOf(), batch, { lossChunks: 100 }), whole);
    expectSameDescent(await descend(loss, tableOf(), batch, { lossChunks: 3, target: 'xla' }), whole);
  });

  it.each(['compiled', 'eager'])('%s: a loss that is only measured is the same', async (way) => {
    const loss = causalLanguageModel({ zLoss: 0.01 })(oneTable);
    const sums = (chunks: number) => (weights: Table, tensors: RowTensors) => loss.sums(weights, tensors, { chunks });
    const tensors = loss.tensors(batch);
    const measured = (chunks: number): PartSums | Promise<PartSums> => {
      const run = sums(chunks);
      return way === 'eager' ? run(tableOf(), tensors) : compile(run, { target: 'graph' })(tableOf(), tensors);
    };
    const [whole, pieces] = [await measured(1), await measured(5)];
    for (const part of ['loss', 'zLoss']) {
      expect(pieces[part]?.dataSync()[0]).toBeCloseTo(whole[part]?.dataSync()[0] ?? NaN, 4);
    }
  });

  it('refuses a model that has only logits', async () => {
    const architecture = decoder(sizes);
    const forward = { forward: (...args: Parameters<Decoder['forward']>) => architecture.forward(...args) };
    const weights = architecture.init(key(1));
    await expect(descend(causalLanguageModel()(forward), weights, batch, { lossChunks: 2 })).rejects.toThrow(
      /only all at once[\s\S]*lossChunks 2/,
    );
  });

  it('of an adapter are those of the whole', async () => {
    const architecture = decoder(sizes);
    const model = { architecture, weights: architecture.init(key(1)) };
    const method = lora({ rank: 2, targets: ['q_proj'] });
    const loss = causalLanguageModel()(method.adapt(model));
    const weights = method.init(model, key(2));
    expectSameDescent(await descend(loss, weights, batch, { lossChunks: 3 }), await descend(loss, weights, batch));
  });
});
