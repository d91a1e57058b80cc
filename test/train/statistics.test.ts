import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import { decoder } from '../../src/model/decoder.js';
import type { Batch } from '../../src/tokens/loader.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { groupNames, groupNorms, groupOf, readStatistics, statisticsMetrics } from '../../src/train/statistics.js';
import { startTraining } from '../../src/train/step.js';

describe('groups of leaves', () => {
  it('are blocks, and the branches beside them', () => {
    expect(groupOf('layers.3.attention.query.weight')).toBe('layers.3');
    expect(groupOf('trunk.layers.11.mlp.up.bias')).toBe('trunk.layers.11');
    expect(groupOf('embedding')).toBe('embedding');
    expect(groupOf('head.dense.weight')).toBe('head.dense');
    expect(groupOf('0')).toBe('0');
    expect(groupOf('')).toBe('weights');
  });

  it('have the root of the sum of squares as norms', () => {
    const tree = {
      table: tf.tensor1d([3, 4]),
      layers: [
        {
          a: tf.scalar(2),
          b: tf.tensor2d([
            [1, 2],
            [4, 0],
          ]),
        },
      ],
    };
    const twice = { table: tf.tensor1d([6, 8]), layers: [{ a: tf.scalar(0), b: tf.zeros([2, 2]) }] };
    const numbers = [...groupNorms(tree, twice, tree).dataSync()];
    expect(numbers).toEqual([5, 5, 10, 0, 5, 5]);
    const statistics = readStatistics(groupNames(tree), numbers);
    expect(statistics).toEqual({
      table: { gradient: 5, weight: 10, update: 5 },
      'layers.0': { gradient: 5, weight: 0, update: 5 },
    });
    expect(statisticsMetrics(statistics)).toEqual({
      'gradientNorm/table': 5,
      'weightNorm/table': 10,
      'updateRatio/table': 0.5,
      'gradientNorm/layers.0': 5,
      'weightNorm/layers.0': 0, // and no ratio
    });
  });
});

describe('the statistics of a step', () => {
  const architecture = decoder({ layers: 2, width: 16, heads: 2, context: 6, vocabularySize: 11, biases: 'all' });
  const tokens = Int32Array.from({ length: 12 }, (_, index) => (index * 7) % 11);
  const batch: Batch = {
    inputs: tokens,
    targets: tokens.map((token) => (token + 7) % 11),
    weights: new Float32Array(12).fill(1),
    batchSize: 2,
    context: 6,
  };
  const weights = architecture.init(key(1));
  const start = (statisticsEvery?: number) =>
    startTraining(causalLanguageModel()(architecture), {
      weights,
      optimizer: adamw({ learningRate: 0.01 }),
      target: 'graph',
      skips: true,
      statisticsEvery,
    });
  const numbersOf = (tree: typeof weights): number[][] =>
    flatten<tf.Tensor>(tree).map((tensor) => [...tensor.dataSync()]);

  it('come every so many steps, agree with the weights and the global norm, and change nothing', async () => {
    const [plain, watched] = [start(), start(2)];
    for (let step = 1; step <= 4; step++) {
      const before = watched.weights();
      const result = await watched.step(batch, step);
      const expected = await plain.step(batch, step);
      expect({ ...result, statistics: undefined }).toEqual({ ...expected, statistics: undefined });
      if (step % 2 === 1) expect(result.statistics).toBeUndefined();
      else {
        const { statistics = {} } = result;
        expect(Object.keys(statistics)).toEqual(['embedding', 'layers.0', 'layers.1', 'norm']);
        const total = Math.hypot(...Object.values(statistics).map(({ gradient }) => gradient));
        expect(total).toBeCloseTo(result.gradientNorm, 5);
        const after = watched.weights();
        const norm = (layer: number): number => Math.hypot(...numbersOf(after.layers[layer] as never).flat());
        expect(statistics['layers.1']?.weight).toBeCloseTo(norm(1), 4);
        const moved = numbersOf(after).map((leaf, index) =>
          leaf.map((value, place) => value - (numbersOf(before)[index]?.[place] ?? NaN)),
        );
        const update = Math.hypot(...Object.values(statistics).map((each) => each.update));
        expect(update).toBeCloseTo(Math.hypot(...moved.flat()), 4);
        expect(update).toBeGreaterThan(0.01);
      }
    }
    expect(numbersOf(watched.weights())).toEqual(numbersOf(plain.weights()));
    plain.dispose();
    watched.dispose();
  });

  it('have updates of 0 where the step was left out', async () => {
    const training = start(1);
    const { skipped, statistics = {} } = await training.step(batch, 1, { loss: 0.1 });
    expect(skipped).toBe(true);
    expect(Object.values(statistics).map(({ update }) => update)).toEqual([0, 0, 0, 0]);
    expect(statistics['embedding']?.gradient).toBeGreaterThan(0);
    training.dispose();
  });
});
