import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { clipByGlobalNorm, globalNorm } from '../../src/train/optimizers/clip-by-global-norm.js';
import { crossEntropy, sumCrossEntropy, tokenLosses } from '../../src/train/objectives/cross-entropy.js';
import { chain, zipTrees } from '../../src/train/optimizers/optimizer.js';
import { scaleByAdam } from '../../src/train/optimizers/scale-by-adam.js';
import { warmupCosine } from '../../src/train/schedules/schedule.js';
import { trainOptions } from '../../src/train/train-options.js';
import { expectClose } from '../model/close.js';

interface Fixture {
  readonly adamw: {
    readonly start: { readonly matrix: number[][]; readonly gain: number[] };
    readonly rows: readonly {
      readonly step: number;
      readonly norm: number;
      readonly matrix: number[][];
      readonly gain: number[];
    }[];
  };
  readonly crossEntropy: {
    readonly logits: number[][];
    readonly targets: number[];
    readonly weights: number[];
    readonly losses: number[];
    readonly loss: number;
    readonly gradient: number[][];
  };
  readonly schedule: Parameters<typeof warmupCosine>[0] & { readonly rates: number[] };
}
// Made by fixtures/training.py with PyTorch and Hugging Face transformers.
const fixture = JSON.parse(readFileSync(new URL('fixtures/training.json', import.meta.url), 'utf8')) as Fixture;

type Parameters2 = { readonly matrix: tf.Tensor; readonly gain: tf.Tensor };

describe('adamw', () => {
  it('equals PyTorch’s over 100 steps with clipping; the gain does not decay', () => {
    const { start, rows } = fixture.adamw;
    const optimizer = adamw({ learningRate: 0.05, weightDecay: 0.1, clipNorm: 1, beta1: 0.9, beta2: 0.95 });
    let parameters: Parameters2 = { matrix: tf.tensor2d(start.matrix), gain: tf.tensor1d(start.gain) };
    let state = optimizer.init(parameters);
    for (let step = 1; step <= 100; step++) {
      const loss = (matrix: tf.Tensor, gain: tf.Tensor): tf.Scalar =>
        tf.add(tf.sum(tf.square(tf.sub(matrix, Math.sin(step / 7)))), tf.sum(tf.square(tf.mul(gain, matrix))));
      const [matrix, gain] = tf.grads(loss)([parameters.matrix, parameters.gain]) as [tf.Tensor, tf.Tensor];
      const scalars = Object.fromEntries(
        Object.entries(optimizer.scalars(step)).map(([name, value]) => [name, tf.scalar(value)]),
      );
      const result = optimizer.update({ matrix, gain }, state, parameters, scalars);
      state = result.state;
      parameters = zipTrees((value, change) => tf.add(value, change), parameters, result.updates) as Parameters2;
      const expected = rows.find((row) => row.step === step);
      if (expected === undefined) continue;
      expect(globalNorm({ matrix, gain }).dataSync()[0]).toBeCloseTo(expected.norm, 4);
      expectClose(parameters.matrix.dataSync(), expected.matrix.flat(), 5e-5);
      expectClose(parameters.gain.dataSync(), expected.gain, 5e-5);
    }
  });

  it('clips by the norm of all leaves together: (3, 4) at limit 1 is (0.6, 0.8)', () => {
    const clip = clipByGlobalNorm(1);
    const { updates } = clip.update([tf.scalar(3), tf.tensor1d([4])], [], [], {});
    const [three, four] = updates as unknown as [tf.Tensor, tf.Tensor];
    expectClose([...three.dataSync(), ...four.dataSync()], [0.6, 0.8], 1e-6);
    const small = clip.update([tf.scalar(0.3)], [], [], {}).updates as unknown as [tf.Tensor];
    expect(small[0].dataSync()[0]).toBe(Math.fround(0.3));
  });

  it('refuses a chain whose parts use one name for two numbers', () => {
    expect(() => chain(scaleByAdam(), scaleByAdam()).scalars(1)).toThrow('one name');
  });
});

describe('cross-entropy', () => {
  const { logits, targets, weights, losses, loss, gradient } = fixture.crossEntropy;
  const z = tf.tensor2d(logits);
  const y = tf.tensor1d(targets, 'int32');
  const counted = { targets: tf.reshape(y, [1, 5]), weights: tf.tensor2d([weights]) };

  it('equals PyTorch’s: each loss, the weighted mean, the gradient', () => {
    expectClose(tokenLosses(z, y).dataSync(), losses, 1e-6);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => crossEntropy(tf.reshape(x, [1, 5, 7]), counted))(z);
    expect(value.dataSync()[0]).toBeCloseTo(loss, 6);
    expectClose(grad.dataSync(), gradient.flat(), 1e-6);
    expect(sumCrossEntropy(z, counted).dataSync()[0]).toBeCloseTo(loss * 4.5, 5); // the weights sum to 4.5
  });

  it('of equal logits is log V, also where exp would overflow', () => {
    const flat = tokenLosses(tf.fill([1, 8], 500), tf.tensor1d([3], 'int32'));
    expect(flat.dataSync()[0]).toBeCloseTo(Math.log(8), 4);
    expect(tokenLosses(tf.tensor2d([[-1000, 1000]]), tf.tensor1d([0], 'int32')).dataSync()[0]).toBe(2000);
  });

  it('is 0 with gradient 0 where nothing counts', () => {
    const nothing = { targets: counted.targets, weights: tf.zeros([1, 5]) };
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => crossEntropy(x, nothing))(tf.reshape(z, [1, 5, 7]));
    expect(value.dataSync()[0]).toBe(0);
    expect([...grad.dataSync()].every((number) => number === 0)).toBe(true);
  });
});

describe('schedules and options', () => {
  it('warmupCosine equals transformers’ at every step', () => {
    const rate = warmupCosine(fixture.schedule);
    expectClose(
      fixture.schedule.rates.slice(1).map((_, index) => rate(index + 1)),
      fixture.schedule.rates.slice(1),
      1e-12,
    );
  });

  it('trainOptions refuses unknown keys and a warm-up longer than the run', () => {
    const good = { steps: 10, batchSize: 2, learningRate: 1e-3 };
    expect(trainOptions.parse(good)).toMatchObject({ warmupSteps: 0, clipNorm: 1, precision: 'float32' });
    expect(() => trainOptions.parse({ ...good, learningrate: 1 })).toThrow(/learningrate/);
    expect(() => trainOptions.parse({ ...good, warmupSteps: 11 })).toThrow(/must not exceed/);
  });
});
