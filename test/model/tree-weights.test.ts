import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import { writeSafetensors } from '../../src/model/files/safetensors.js';
import { loadMlpClassifier, saveMlpClassifier } from '../../src/model/mlp-classifier-files.js';
import { mlpClassifier } from '../../src/model/mlp-classifier.js';
import { loadWeights, saveWeights } from '../../src/model/tree-weights.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tree-weights-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tree = {
  layers: [
    {
      weight: tf.tensor2d([
        [1, 2.5],
        [-0, 1e-39],
      ]),
    },
    { weight: tf.scalar(7) },
  ],
  ids: tf.tensor1d([1, -(2 ** 31)], 'int32'),
  mask: tf.tensor1d([true, false], 'bool'),
};
const numbers = (weights: unknown): unknown[] =>
  flatten<tf.Tensor>(weights as typeof tree).map((tensor) => [tensor.dtype, tensor.shape, ...tensor.dataSync()]);

describe('weights of a tree', () => {
  it.each([undefined, 8])('are read as they were written; files of at most %s bytes', async (maxShardBytes) => {
    const path = join(folder, 'made', 'here');
    const hashes = await saveWeights(tree, path, { maxShardBytes });
    expect(Object.keys(hashes).sort()).toEqual((await readdir(path)).sort());
    const read = await loadWeights(tree, path);
    expect(numbers(read)).toEqual(numbers(tree));
    expect(Object.is((numbers(read)[0] as number[])[4], -0)).toBe(true);
    read satisfies { layers: { weight: tf.Tensor }[] };
  });

  it('are refused by another tree', async () => {
    await saveWeights(tree, folder);
    const { mask: _mask, ...fewer } = tree;
    await expect(loadWeights(fewer, folder)).rejects.toThrow(/no place for[\s\S]*mask[\s\S]*the 3 of the model/);
    await expect(loadWeights({ ...tree, more: tf.scalar(1) }, folder)).rejects.toThrow(
      /more[\s\S]*nothing[\s\S]*F32 \[\]/,
    );
    await expect(loadWeights({ ...tree, ids: tf.zeros([2]) }, folder)).rejects.toThrow(
      /ids[\s\S]*I32 \[2\][\s\S]*F32 \[2\]/,
    );
    await expect(loadWeights({ ...tree, mask: tf.zeros([3], 'bool') }, folder)).rejects.toThrow(/BOOL \[3\]/);
    await expect(saveWeights({ name: tf.tensor(['a']) }, folder)).rejects.toThrow(
      /name has a dtype that no weight has/,
    );
  });

  it('in half are numbers of float32', async () => {
    const tensors = new Map([['a', { shape: [2], elements: Uint16Array.of(0x3f80, 0xc000), dtype: 'BF16' as const }]]);
    await writeSafetensors(join(folder, 'model.safetensors'), { tensors, metadata: {} });
    expect(numbers(await loadWeights({ a: tf.zeros([2]) }, folder))).toEqual([['float32', [2], 1, -2]]);
  });
});

describe('a classifier', () => {
  it('is made again from its folder', async () => {
    const architecture = mlpClassifier({ sizes: [3, 5, 2], dropout: 0.1, activation: 'gelu' });
    const weights = architecture.init(key(1));
    await saveMlpClassifier({ architecture, weights }, folder);
    const read = await loadMlpClassifier(folder);
    expect(read.architecture.config).toEqual(architecture.config);
    const x = tf.tensor2d([[1, 2, 3]]);
    const logits = read.architecture.forward(read.weights, x);
    expect([...logits.dataSync()]).toEqual([...architecture.forward(weights, x).dataSync()]);
  });

  it('is not made of another config', async () => {
    await writeFile(join(folder, 'config.json'), '{"model_type":"llama"}');
    await expect(loadMlpClassifier(folder)).rejects.toThrow(/describes no classifier/);
  });
});
