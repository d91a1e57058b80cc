import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { mlpClassifier } from '../../../src/model/mlp-classifier.js';
import { classification } from '../../../src/train/objectives/classification.js';
import type { LabelledRows } from '../../../src/train/objectives/labelled-rows.js';
import { expectClose } from '../../model/close.js';
import { descend } from './descent.js';
import { reference } from './reference.js';

const { logits, targets, classWeights, labelSmoothing, ...expected } = reference.classes;
type Logits = { readonly logits: tf.Tensor };
const given = { forward: ({ logits: z }: Logits) => z };
const rows: LabelledRows = {
  inputs: new Float32Array(5),
  targets: Int32Array.from(targets),
  weights: Float32Array.from(targets, (target) => (target < 0 ? 0 : 1)),
  batchSize: 5,
};

describe('classification', () => {
  it.each([
    ['plain', {}],
    ['weighted', { classWeights }],
    ['both', { classWeights, labelSmoothing }],
  ] as const)('%s: loss and gradient equal PyTorch’s cross_entropy with ignore_index', async (name, options) => {
    const { result, gradients } = await descend(classification(options)(given), { logits: tf.tensor2d(logits) }, rows);
    expect(result.loss).toBeCloseTo(expected[name].loss, 5);
    expectClose(gradients.get('logits') ?? [], expected[name].gradients.flat(2), 1e-6);
  });

  it('by hand: of two rows of logits 0, the one of class 1 counts three times: (log 2 + 3 log 2) / 4', async () => {
    const two = {
      inputs: new Float32Array(2),
      targets: Int32Array.of(0, 1),
      weights: Float32Array.of(1, 1),
      batchSize: 2,
    };
    const { result, gradients } = await descend(
      classification({ classWeights: [1, 3] })(given),
      { logits: tf.zeros([2, 2]) },
      two,
    );
    expect(result.loss).toBeCloseTo(Math.log(2), 6);
    expectClose(gradients.get('logits') ?? [], [-1 / 8, 1 / 8, 3 / 8, -3 / 8], 1e-6);
  });

  it('gives rows the axes of their inputs: features by themselves, images as their shape says', () => {
    const loss = classification()(given);
    const image = {
      inputs: new Float32Array(24),
      shape: [2, 3, 1],
      targets: new Int32Array(4),
      weights: new Float32Array(4),
      batchSize: 4,
    };
    expect(loss.tensors(image)['inputs']?.shape).toEqual([4, 2, 3, 1]);
    const { shape: _shape, ...features } = image;
    expect(loss.tensors(features)['inputs']?.shape).toEqual([4, 6]);
    const tokens = loss.tensors({
      ...features,
      inputs: new Int32Array(24),
      targets: new Int32Array(24),
      weights: new Float32Array(24),
      mask: new Int32Array(24),
    });
    expect([tokens['inputs']?.dtype, tokens['mask']?.shape, tokens['targets']?.shape]).toEqual([
      'int32',
      [4, 6],
      [4, 6],
    ]);
  });

  it('learns a table', async () => {
    const architecture = mlpClassifier({ sizes: [2, 8, 2] });
    const table = {
      inputs: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1),
      targets: Int32Array.of(0, 1, 1, 0),
      weights: Float32Array.of(1, 1, 1, 1),
      batchSize: 4,
    };
    const { result } = await descend(classification()(architecture), architecture.init(key(1)), table);
    expect(result.gradientNorm).toBeGreaterThan(0);
  });

  it('refuses what does not fit', async () => {
    const loss = classification()(given);
    expect(() => loss.tensors({ ...rows, weights: new Float32Array(5).fill(1) })).toThrow(/-100, with weight 1/);
    expect(() => loss.tensors({ ...rows, targets: new Int32Array(4) })).toThrow(/targets do not fit/);
    expect(() => classification({ labelSmoothing: -0.1 })).toThrow(/labelSmoothing/);
    expect(() => classification({ classWeights: [1, NaN] })).toThrow(/class weights/);
    const weights = { logits: tf.tensor2d(logits) };
    await expect(descend(classification({ classWeights: [1, 2] })(given), weights, rows)).rejects.toThrow(/2 weights/);
    const perToken = {
      ...rows,
      targets: new Int32Array(10),
      weights: new Float32Array(10),
      inputs: new Float32Array(10),
    };
    await expect(descend(loss, weights, perToken)).rejects.toThrow(/one target for each place/);
    const beyond = { ...rows, targets: Int32Array.of(0, 1, 2, 3, 0), weights: new Float32Array(5).fill(1) };
    expect((await descend(loss, weights, beyond)).result.loss).toBeNaN();
  });
});
