import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { compile } from '../../../src/engine/compile.js';
import { printStableHlo } from '../../../src/engine/stablehlo/print.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { batchAt, initialState, trainingStep } from './gpt-step.js';
import type { Sizes } from './gpt-step.js';
import { lossesByPjrt } from './run-step.js';

const sizes: Sizes = { layers: 2, width: 32, heads: 4, time: 16, batch: 2, vocabulary: 65 };
const numSteps = 10;

describe.skipIf(plugin.path === undefined)(`a whole training step (plugin: ${plugin.reason})`, () => {
  it('gives the losses of the TensorFlow target to 1e-5, without TensorFlow', async () => {
    const state = initialState(sizes);
    const step = compile(
      (tokens: tf.Tensor, targets: tf.Tensor, count: tf.Tensor) => trainingStep(state, tokens, targets, count, sizes),
      { name: 'step', target: 'graph' },
    );
    const inputs = (index: number): [tf.Tensor, tf.Tensor, tf.Tensor] => {
      const { tokens, targets } = batchAt(index, sizes);
      const shape: [number, number] = [sizes.batch, sizes.time];
      return [tf.tensor2d(tokens, shape, 'int32'), tf.tensor2d(targets, shape, 'int32'), tf.scalar(index + 1)];
    };
    const traced = step.trace(...inputs(0));
    const losses = await lossesByPjrt(traced, numSteps, (index) => {
      const { tokens, targets } = batchAt(index, sizes);
      return [tokens, targets, Float32Array.of(index + 1)];
    });
    const expected: number[] = [];
    for (let index = 0; index < numSteps; index++) {
      expected.push((await (await step(...inputs(index))).data())[0] ?? NaN);
    }
    expect(expected[0]).toBeCloseTo(Math.log(sizes.vocabulary), 1); // nothing is learnt yet
    expect(expected[numSteps - 1]).toBeLessThan((expected[0] ?? 0) - 0.2);
    losses.forEach((loss, index) => {
      expect(
        Math.abs(loss - (expected[index] ?? NaN)),
        `step ${index}: ${loss} against ${expected[index] ?? NaN}`,
      ).toBeLessThan(1e-5);
    });
    expect(printStableHlo(traced.trace)).toContain('func.func public @main(');
  });
});
