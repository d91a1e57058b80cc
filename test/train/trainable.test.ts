import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import { loadEncoder } from '../../src/model/encoder-model.js';
import { withHead } from '../../src/model/heads/with-head.js';
import { lora } from '../../src/model/lora.js';
import { loadModel } from '../../src/model/model.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { startTraining } from '../../src/train/step.js';
import type { Batch } from '../../src/tokens/loader.js';

const folder = (name: string): string => fileURLToPath(new URL(`../model/fixtures/${name}`, import.meta.url));
const batch: Batch = {
  inputs: Int32Array.from({ length: 24 }, (_, index) => (index * 7) % 48),
  targets: Int32Array.from({ length: 24 }, (_, index) => ((index + 1) * 7) % 48),
  weights: new Float32Array(24).fill(1),
  batchSize: 2,
  context: 12,
};
const optimizer = adamw({ learningRate: 0.03 });

describe('a training of what predicts tokens', () => {
  it('an adapter: its own numbers change and the loss falls; the model stays as it is', async () => {
    const model = await loadModel(folder('llama'));
    const before = flatten<tf.Tensor>(model.weights).map((tensor) => [...tensor.dataSync()]);
    const method = lora({ rank: 4, targets: ['q_proj', 'v_proj'], dropout: 0.1 });
    const weights = method.init(model, key(1));
    const training = startTraining(causalLanguageModel()(method.adapt(model)), {
      weights,
      optimizer,
      target: 'graph',
      dropoutKey: key(2),
    });
    const losses: number[] = [];
    for (let step = 1; step <= 10; step++) losses.push((await training.step(batch, step)).loss);
    expect(losses[9]).toBeLessThan((losses[0] ?? NaN) - 0.1);
    expect(flatten<tf.Tensor>(training.weights()).length).toBe(flatten<tf.Tensor>(weights).length);
    expect(flatten<tf.Tensor>(model.weights).map((tensor) => [...tensor.dataSync()])).toEqual(before);
    training.dispose();
  });

  it('an encoder with its head for masked tokens', async () => {
    const { architecture: trunk, weights, heads } = await loadEncoder(folder('bert'));
    const { maskedLanguageModel: head } = heads;
    if (head === undefined) throw new Error('no head');
    const training = startTraining(causalLanguageModel()(withHead(trunk, head.architecture)), {
      weights: { trunk: weights, head: head.weights },
      optimizer,
      target: 'graph',
    });
    const losses: number[] = [];
    for (let step = 1; step <= 10; step++) losses.push((await training.step(batch, step)).loss);
    expect(losses[9]).toBeLessThan((losses[0] ?? NaN) - 1);
    training.dispose();
  });

  it('rows of several documents have the loss of each document alone', async () => {
    const { architecture, weights } = await loadModel(folder('llama'));
    const lossOf = async (given: Batch): Promise<number> => {
      const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer, target: 'graph' });
      const { loss } = await training.step(given, 1);
      training.dispose();
      return loss;
    };
    // One row of two documents, 5 and 7 tokens, against two rows that hold one each and count no more.
    const tokens = [3, 9, 27, 33, 5, 14, 41, 26, 30, 42, 29, 38];
    const next = [9, 27, 33, 5, 8, 41, 26, 30, 42, 29, 38, 17];
    const packed: Batch = {
      inputs: Int32Array.from(tokens),
      targets: Int32Array.from(next),
      weights: new Float32Array(12).fill(1),
      documents: Int32Array.from({ length: 12 }, (_, place) => Number(place >= 5)),
      positions: Int32Array.from({ length: 12 }, (_, place) => (place < 5 ? place : place - 5)),
      batchSize: 1,
      context: 12,
    };
    const apart = [tokens.slice(0, 5), tokens.slice(5)].map((row) => [
      ...row,
      ...new Array<number>(7 - row.length).fill(0),
    ]);
    const alone: Batch = {
      inputs: Int32Array.from(apart.flat()),
      targets: Int32Array.from([...next.slice(0, 5), 0, 0, ...next.slice(5)]),
      weights: Float32Array.from({ length: 14 }, (_, place) => Number(place < 5 || place >= 7)),
      batchSize: 2,
      context: 7,
    };
    expect(await lossOf(packed)).toBeCloseTo(await lossOf(alone), 5);
    expect(await lossOf({ ...packed, documents: new Int32Array(12) })).not.toBeCloseTo(await lossOf(alone), 3);
  });
});
