import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNative } from '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { fold, key, type Key } from '../../src/engine/key.js';
import { philox } from '../../src/engine/philox.js';
import {
  bernoulli,
  categorical,
  foldTensor,
  normal,
  randomBits,
  truncatedNormal,
  uniform,
  type RandomKey,
} from '../../src/engine/random.js';
import { TrainbookError } from '../../src/error.js';
import reference from './fixtures/random.json' with { type: 'json' };

const seed = key('numbers');
const logits = () => tf.reshape(tf.sin(tf.range(0, 64 * 100)).mul(3), [64, 100]);

const draws: Record<string, (from: RandomKey) => tf.Tensor> = {
  bits: (from) => randomBits(from, [17, 9]),
  uniform: (from) => uniform(from, [1001]),
  'uniform over a range': (from) => uniform(from, [10_001], { min: -0.37, max: 1.234 }),
  bernoulli: (from) => bernoulli(from, 0.3, [1001]),
  categorical: (from) => categorical(from, logits()),
};

const normals: Record<string, (from: RandomKey) => tf.Tensor> = {
  normal: (from) => normal(from, [101, 99], { mean: 0.1, deviation: 0.02 }),
  'truncated normal': (from) => truncatedNormal(from, [101, 99]),
};

let home: string;
beforeEach(() => {
  tf.backend();
  home = tf.getBackend();
});
afterEach(async () => {
  await tf.setBackend(home);
});

/** The plain formulas over arrays: tfjs's cpu backend, as where libtensorflow is missing. */
async function onCpu(draw: () => tf.Tensor): Promise<Float32Array | Int32Array | Uint8Array> {
  await tf.setBackend('cpu');
  const values = draw().dataSync();
  await tf.setBackend(home);
  return values;
}

describe('bits', () => {
  // TensorFlow splits the work over threads by groups of four words: each size must give the plain stream.
  test.each([0, 1, 3, 4, 5, 1000, 100_003])('%d words are the Philox stream of the key', (count) => {
    const plain = new Int32Array(philox(seed.words, [0, 0, 0, 0], count).buffer);
    expect(randomBits(seed, [count]).dataSync()).toEqual(plain);
  });

  test('a shape is the stream in row-major order', () => {
    expect(randomBits(seed, [2, 3]).shape).toEqual([2, 3]);
    expect(randomBits(seed, [2, 3]).dataSync()).toEqual(randomBits(seed, [6]).dataSync());
    expect(randomBits(seed, []).dataSync()).toEqual(randomBits(seed, [1]).dataSync());
  });
});

describe('equal numbers', () => {
  test('normal of a large shape, which is drawn in pieces: as compiled in one', async () => {
    const draw = (): tf.Tensor => normal(seed, [3, 1_398_103], { deviation: 0.02 }); // 4,194,309: an odd size, halves that no block begins with
    const compiled = compile(draw, { name: 'draw' });
    expectSame((await compiled()).dataSync(), draw().dataSync(), true);
  });

  test.each(Object.entries({ ...draws, ...normals }))('%s: eager and on the cpu backend', async (name, draw) => {
    const eager = draw(seed).dataSync();
    expectSame(await onCpu(() => draw(seed)), eager, name in normals);
  });

  describe.each(['xla', 'graph'] as const)('compiled for %s', (target) => {
    test.each(Object.entries({ ...draws, ...normals }))('%s', async (name, draw) => {
      const compiled = compile(() => draw(seed), { target, name: 'draw' });
      expectSame((await compiled()).dataSync(), draw(seed).dataSync(), name in normals);
    });

    test.each(Object.entries({ ...draws, ...normals }))(
      '%s, from a key folded with a traced step',
      async (name, draw) => {
        const compiled = compile((step: tf.Tensor) => draw(foldTensor(seed, step)), { target, name: 'draw' });
        for (const step of [0, 7]) {
          const values = (await compiled(tf.scalar(step, 'int32'))).dataSync();
          expectSame(values, draw(fold(seed, step)).dataSync(), name in normals);
        }
        expect(compiled.numTraces).toBe(isNative() ? 1 : 0);
      },
    );
  });

  function expectSame(values: ArrayLike<number>, expected: ArrayLike<number>, nearly: boolean): void {
    expect(values.length).toBe(expected.length);
    if (!nearly) {
      expect(Array.from(values)).toEqual(Array.from(expected));
      return;
    }
    const worst = Array.from(values).reduce(
      (max, value, index) => Math.max(max, Math.abs(value - (expected[index] ?? NaN))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1e-6);
  }
});

describe('numbers from the formulas alone (fixtures/random.py)', () => {
  const from: Key = { words: [2024, 11] };
  const numbers = (values: tf.Tensor) => Array.from(values.dataSync() as Float32Array);

  test('bits, uniform, bernoulli, categorical are equal', () => {
    expect(numbers(randomBits(from, [9]))).toEqual(reference.bits);
    expect(numbers(uniform(from, [9]))).toEqual(reference.uniform);
    expect(numbers(uniform(from, [9], { min: 2, max: 5 }))).toEqual(reference.uniformFrom2To5);
    expect(numbers(bernoulli(from, 1 / 3, [9]))).toEqual(reference.bernoulliOneThird);
    expect(numbers(categorical(from, tf.tensor2d(reference.logits)))).toEqual(reference.categorical);
  });

  test('normal and truncated normal are equal to 1e-6', () => {
    numbers(normal(from, [9])).forEach((value, index) => {
      expect(Math.abs(value - (reference.normal[index] ?? NaN))).toBeLessThan(1e-6);
    });
    numbers(truncatedNormal(from, [9])).forEach((value, index) => {
      expect(Math.abs(value - (reference.truncatedNormal[index] ?? NaN))).toBeLessThan(2e-6);
    });
  });
});

describe('foldTensor', () => {
  test.each([0, 1, 2 ** 31 - 1, -1, -(2 ** 31)])('of %d is fold of the number', async (step) => {
    const expected = Int32Array.from(fold(seed, step).words, (word) => word | 0);
    expect(foldTensor(seed, tf.scalar(step, 'int32')).words.dataSync()).toEqual(expected);
    expect(await onCpu(() => foldTensor(seed, tf.scalar(step, 'int32')).words)).toEqual(expected);
  });

  test('folds on from a tensor key', async () => {
    const twice = () => foldTensor(foldTensor(seed, tf.scalar(3, 'int32')), tf.scalar(4, 'int32')).words;
    const expected = Int32Array.from(fold(fold(seed, 3), 4).words, (word) => word | 0);
    expect(twice().dataSync()).toEqual(expected);
    expect(await onCpu(twice)).toEqual(expected);
  });
});

describe('distributions', () => {
  const count = 200_000;
  const moments = (values: ArrayLike<number>) => {
    const numbers = Array.from(values);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const moment = (power: number) => numbers.reduce((sum, value) => sum + (value - mean) ** power, 0) / numbers.length;
    return { mean, variance: moment(2), kurtosis: moment(4) / moment(2) ** 2, numbers };
  };

  test('uniform is (word ⊕ 2³¹) / 2⁸ as an integer, over 2²⁴', () => {
    const words = philox(seed.words, [0, 0, 0, 0], 5);
    const expected = Array.from(words, (word) => ((word ^ 0x80000000) >>> 8) / 2 ** 24);
    expect(Array.from(uniform(seed, [5]).dataSync())).toEqual(expected);
  });

  test('uniform: range, mean 1/2, variance 1/12', () => {
    const { mean, variance, numbers } = moments(uniform(seed, [count]).dataSync());
    expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.001);
  });

  test('normal: mean, variance, kurtosis 3, and the share within one deviation', () => {
    const { mean, variance, kurtosis, numbers } = moments(normal(seed, [count], { mean: 2, deviation: 3 }).dataSync());
    expect(Math.abs(mean - 2)).toBeLessThan((4 * 3) / Math.sqrt(count));
    expect(variance / 9).toBeCloseTo(1, 1);
    expect(kurtosis).toBeCloseTo(3, 1);
    const share = numbers.filter((value) => Math.abs(value - 2) < 3).length / count;
    expect(Math.abs(share - 0.682689)).toBeLessThan(4 * Math.sqrt((0.68 * 0.32) / count));
  });

  test('normal: both numbers of a pair are independent of each other and of their neighbours', () => {
    const values = Array.from(normal(seed, [count]).dataSync() as Float32Array);
    const correlation = (lag: number) =>
      values.reduce((sum, value, index) => sum + value * (values[(index + lag) % count] ?? 0), 0) / count;
    for (const lag of [1, 2, count / 2]) expect(Math.abs(correlation(lag))).toBeLessThan(4 / Math.sqrt(count));
  });

  test.each([1, 2, 5])('normal gives %d numbers', (size) => {
    expect(normal(seed, [size]).shape).toEqual([size]);
  });

  test('truncated normal: within two deviations, with the quantiles of the normal law', () => {
    const { mean, variance, numbers } = moments(truncatedNormal(seed, [count]).dataSync());
    expect(Math.max(...numbers.slice(0, 50_000).map(Math.abs))).toBeLessThanOrEqual(2);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    // Variance of N(0, 1) given |z| < 2: 1 − 4φ(2) / (Φ(2) − Φ(−2)) = 0.77374.
    expect(variance).toBeCloseTo(0.77374, 2);
    // P(|z| < 1 given |z| < 2) = 0.6826895 / 0.9544997.
    const share = numbers.filter((value) => Math.abs(value) < 1).length / count;
    expect(Math.abs(share - 0.6826895 / 0.9544997)).toBeLessThan(4 * Math.sqrt((0.715 * 0.285) / count));
  });

  test.each([0, 0.1, 0.5, 1])('bernoulli(%d) has its share', (probability) => {
    const kept = bernoulli(seed, probability, [count]);
    expect(kept.dtype).toBe('bool');
    const share = Array.from(kept.dataSync() as Uint8Array).reduce((sum, value) => sum + value, 0) / count;
    expect(Math.abs(share - probability)).toBeLessThanOrEqual(4 * Math.sqrt((probability * (1 - probability)) / count));
  });

  test('categorical: shares are the softmax of the logits (chi-squared, 3 degrees, p > 0.001)', () => {
    const probabilities = [0.1, 0.2, 0.3, 0.4];
    const rows = tf.tile(tf.log(tf.tensor2d([[...probabilities, 0]])), [100_000, 1]);
    const counts = [0, 0, 0, 0, 0];
    for (const place of categorical(seed, rows).dataSync()) counts[place] = (counts[place] ?? 0) + 1;
    expect(counts[4]).toBe(0);
    const chiSquared = probabilities.reduce(
      (sum, probability, place) => sum + ((counts[place] ?? 0) - probability * 1e5) ** 2 / (probability * 1e5),
      0,
    );
    expect(chiSquared).toBeLessThan(16.3);
  });

  test('categorical keeps the axes before the last', () => {
    const drawn = categorical(seed, tf.zeros([2, 3, 4]));
    expect([drawn.shape, drawn.dtype]).toEqual([[2, 3], 'int32']);
    expect(categorical(seed, tf.tensor1d([-Infinity, 5, -Infinity])).dataSync()[0]).toBe(1);
  });
});

test('nothing is left behind but the result', () => {
  const from: Key = fold(seed, 'memory');
  for (const draw of Object.values({ ...draws, ...normals })) {
    const before = tf.memory().numTensors;
    const kept = tf.tidy(() => draw(from));
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 1);
    kept.dispose();
  }
});

test('mistakes are refused', () => {
  expect(() => bernoulli(seed, 1.1, [2])).toThrow(TrainbookError);
  expect(() => bernoulli(seed, NaN, [2])).toThrow(TrainbookError);
  expect(() => normal(seed, [2], { deviation: NaN })).toThrow(TrainbookError);
  expect(() => uniform(seed, [2], { max: Infinity })).toThrow(TrainbookError);
  expect(() => categorical(seed, tf.scalar(1))).toThrow(TrainbookError);
  expect(() => categorical(seed, tf.zeros([2, 0]))).toThrow(TrainbookError);
});
