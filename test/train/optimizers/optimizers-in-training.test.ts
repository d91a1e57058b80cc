import { fileURLToPath } from 'node:url';
import type * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { flatten } from '../../../src/engine/tree.js';
import { loadModel } from '../../../src/model/model.js';
import type { Batch } from '../../../src/tokens/loader.js';
import { adafactor } from '../../../src/train/optimizers/adafactor.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { compactState } from '../../../src/train/optimizers/compact-state.js';
import { muon } from '../../../src/train/optimizers/muon.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { quantisedBytes } from '../../../src/train/optimizers/quantise-blocks.js';
import { startTraining } from '../../../src/train/step.js';

const batch: Batch = {
  inputs: Int32Array.from({ length: 24 }, (_, index) => (index * 7) % 48),
  targets: Int32Array.from({ length: 24 }, (_, index) => ((index + 1) * 7) % 48),
  weights: new Float32Array(24).fill(1),
  batchSize: 2,
  context: 12,
};
const model = loadModel(fileURLToPath(new URL('../../model/fixtures/llama', import.meta.url)));

describe('a training of a decoder', () => {
  it.each([
    ['muon', muon({ learningRate: 0.03 })],
    ['adafactor', adafactor({ learningRate: 0.1 })],
  ])('with %s: the loss falls', async (_, optimizer) => {
    const { architecture, weights } = await model;
    const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer, target: 'graph' });
    const losses: number[] = [];
    for (let step = 1; step <= 10; step++) losses.push((await training.step(batch, step)).loss);
    expect(losses[9]).toBeLessThan((losses[0] ?? NaN) - 1);
    training.dispose();
  });

  it('with its state in bytes: it is as small as computed', async () => {
    const { architecture, weights } = await model;
    const optimizer = compactState(adamw({ learningRate: 0.03 }), 'int8', { fromSize: 256 });
    const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer, target: 'graph' });
    const losses: number[] = [];
    for (let step = 1; step <= 3; step++) losses.push((await training.step(batch, step)).loss);
    expect(losses[2]).toBeLessThan((losses[0] ?? NaN) - 0.1);
    const expected = flatten<tf.Tensor>(weights).map(({ size }) => 2 * (size >= 256 ? quantisedBytes(size) : 4 * size));
    const stateBytes = flatten(training.cells.optimizer).reduce(
      (sum, { shape }) => sum + 4 * shape.reduce((size, length) => size * length, 1),
      0,
    );
    expect(stateBytes).toBe(expected.reduce((sum, bytes) => sum + bytes));

    training.dispose();
  });
});
