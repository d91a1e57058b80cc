import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { mlpClassifier } from '../../src/model/mlp-classifier.js';
import type { MlpClassifierWeights } from '../../src/model/mlp-classifier.js';
import { storedWeights } from '../../src/model/names.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';

// The truth: PyTorch, by fixtures/torch_layers.py. Linear layers are 0, 2 and 4 of a Sequential, with ReLU between.
const { tensors } = await readSafetensors(fileURLToPath(new URL('fixtures/torch_layers.safetensors', import.meta.url)));
const numbers = (name: string): Float32Array => tensors.get(`mlp.${name}`)?.elements as Float32Array;
const tensor = (name: string): tf.Tensor => {
  const { shape = [], elements } = tensors.get(`mlp.${name}`) ?? {};
  return elements instanceof BigInt64Array
    ? tf.tensor(Int32Array.from(elements, Number), [...shape], 'int32')
    : tf.tensor(elements as Float32Array, [...shape]);
};

describe('a classifier of PyTorch’s', () => {
  const architecture = mlpClassifier({ sizes: [8, 6, 4, 3] });
  const weights: MlpClassifierWeights = {
    layers: [0, 2, 4].map((place) => ({
      weight: tf.transpose(tensor(`${place}.weight`)),
      bias: tensor(`${place}.bias`),
    })),
  };
  it.each(['eager', 'compiled'])('%s: logits, loss and gradients', async (how) => {
    const labels = tensor('labels');
    const targets = { targets: labels, weights: tf.onesLike(tf.cast(labels, 'float32')) };
    const run = (values: MlpClassifierWeights, x: tf.Tensor) => ({
      logits: architecture.forward(values, x),
      ...valueAndGrads<MlpClassifierWeights>((w) => crossEntropy(architecture.forward(w, x), targets))(values),
    });
    const { logits, value, grads } = await (how === 'eager' ? run : compile(run))(weights, tensor('x'));
    expectClose(logits.dataSync(), numbers('logits'), 1e-6);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 6);
    const stored = await storedWeights(grads, [
      { path: 'layers.*.weight', name: '*.weight', turned: true },
      { path: 'layers.*.bias', name: '*.bias' },
    ]);
    expect(stored.size).toBe(6);
    for (const [name, { elements }] of stored) {
      const [layer = '', part = ''] = name.split('.');
      expectClose(elements as Float32Array, numbers(`grad.${2 * Number(layer)}.${part}`), 1e-6);
    }
  });
});

describe('its size and start', () => {
  const architecture = mlpClassifier({ sizes: [1000, 512, 256, 10], dropout: 0.5 });

  it('1000–512–256–10 has 646,410 parameters, by hand', () => {
    expect(architecture.numParameters).toBe(1000 * 512 + 512 + 512 * 256 + 256 + 256 * 10 + 10);
    expect(architecture.flopsPerExample).toBe(2 * (1000 * 512 + 512 * 256 + 256 * 10));
  });

  it('keeps the variance of unit features from layer to layer (He 2015)', () => {
    const weights = architecture.init(key(4));
    const logits = architecture.forward(weights, tf.randomNormal([512, 1000], 0, 1, 'float32', 1));
    // E h² = 1 after each ReLU with weights of variance 2 / inputs; the logits have twice that.
    expect(tf.mean(tf.square(logits)).dataSync()[0]).toBeGreaterThan(1.5);
    expect(tf.mean(tf.square(logits)).dataSync()[0]).toBeLessThan(2.6);
  });

  it('leaves out hidden features by key: the mean over many keys is near the whole', () => {
    const small = mlpClassifier({ sizes: [4, 64, 2], dropout: 0.5 });
    const weights = small.init(key(1));
    const x = tf.ones([1, 4]);
    const run = (seed: number) => small.forward(weights, x, { dropoutKey: key(seed) });
    expect([...run(1).dataSync()]).toEqual([...run(1).dataSync()]);
    expect([...run(1).dataSync()]).not.toEqual([...run(2).dataSync()]);
    const mean = tf.mean(tf.stack(Array.from({ length: 400 }, (_, seed) => run(seed))), 0);
    expectClose(mean.dataSync(), small.forward(weights, x).dataSync(), 0.25);
  });

  it('sizes that make no network are refused', () => {
    expect(() => mlpClassifier({ sizes: [3] })).toThrow(/mlpClassifier: sizes: at least two/);
    expect(() => mlpClassifier({ sizes: [3, 0, 2] })).toThrow(/mlpClassifier: sizes\.1/);
    // @ts-expect-error no such function
    expect(() => mlpClassifier({ sizes: [3, 2], activation: 'tanh' })).toThrow(/mlpClassifier: activation/);
  });
});
