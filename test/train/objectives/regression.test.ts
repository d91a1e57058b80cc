import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { regression } from '../../../src/train/objectives/regression.js';
import { expectClose } from '../../model/close.js';
import { descend } from './descent.js';
import { reference } from './reference.js';

const { outputs, targets, huber, squared, robust } = reference.regression;
type Outputs = { readonly outputs: tf.Tensor };
const given = { forward: ({ outputs: x }: Outputs) => x };
const rows = {
  inputs: new Float32Array(4),
  targets: Float32Array.from(targets.flat()),
  weights: new Float32Array(4).fill(1),
  batchSize: 4,
};

describe('regression', () => {
  it.each([
    ['mse_loss', {}, squared],
    ['huber_loss', { huber }, robust],
  ] as const)('equals PyTorch’s %s, of two outputs', async (_name, options, expected) => {
    const { result, gradients } = await descend(regression(options)(given), { outputs: tf.tensor2d(outputs) }, rows);
    expect(result.loss).toBeCloseTo(expected.loss, 5);
    expectClose(gradients.get('outputs') ?? [], expected.gradients.flat(2), 1e-6);
  });

  it('by hand: differences 1, −2 and one that does not count', async () => {
    const three = {
      inputs: new Float32Array(3),
      targets: new Float32Array(3),
      weights: Float32Array.of(1, 3, 0),
      batchSize: 3,
    };
    const weights = { outputs: tf.tensor2d([[1], [-2], [9]]) };
    // (1 · 1 + 3 · 4) / 4, gradients 2 d w / 4
    const plain = await descend(regression()(given), weights, three);
    expect(plain.result.loss).toBeCloseTo(13 / 4, 6);
    expectClose(plain.gradients.get('outputs') ?? [], [1 / 2, -3, 0], 1e-6);
    // δ = 1: 1/2 and 1 · (2 − 1/2), gradients d and −δ
    const huberOf = await descend(regression({ huber: 1 })(given), weights, three);
    expect(huberOf.result.loss).toBeCloseTo((0.5 + 3 * 1.5) / 4, 6);
    expectClose(huberOf.gradients.get('outputs') ?? [], [1 / 4, -3 / 4, 0], 1e-6);
  });

  it('refuses what does not fit', async () => {
    expect(() => regression({ huber: 0 })).toThrow(/δ/);
    const weights = { outputs: tf.tensor2d(outputs) };
    await expect(descend(regression()(given), weights, { ...rows, targets: new Float32Array(4) })).rejects.toThrow(
      /targets \[4\], outputs \[4, 2\]/,
    );
  });
});
