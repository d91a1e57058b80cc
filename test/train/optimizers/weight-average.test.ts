import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { correctedDecay, startAverage, updateAverage } from '../../../src/train/optimizers/weight-average.js';
import { expectClose } from '../../model/close.js';
import { numbers } from '../descend.js';

// Made by fixtures/optimizers.py with PyTorch.
const { average: reference } = JSON.parse(
  readFileSync(new URL('../fixtures/optimizers.json', import.meta.url), 'utf8'),
) as { readonly average: Readonly<Record<string, number[]>> };

const weightsAt = (step: number): { readonly w: tf.Tensor } => ({
  w: tf.tensor1d(Array.from({ length: 5 }, (_, place) => Math.sin(step / 9 + place))),
});

describe('an average of weights', () => {
  it('equals PyTorch’s AveragedModel over 100 steps', () => {
    let average = startAverage(weightsAt(0));
    let compared = 0;
    for (let step = 1; step <= 100; step++) {
      average = updateAverage(average, weightsAt(step), 0.95);
      const expected = reference[step];
      if (expected === undefined) continue;
      expectClose(numbers(average)['w'] ?? [], expected, 1e-6);
      compared++;
    }
    expect(compared).toBe(4);
  });

  it('by hand: with corrected decay ½ the weights 4, 1, 7 have (¼ · 4 + ½ · 1 + 1 · 7) / (¼ + ½ + 1) = 8.5 / 1.75', () => {
    const decay = correctedDecay(0.5);
    let average = startAverage({ w: tf.tensor1d([100]) });
    for (const [index, value] of [4, 1, 7].entries())
      average = updateAverage(average, { w: tf.tensor1d([value]) }, tf.scalar(decay(index + 1)));
    expect(numbers(average)['w']?.[0]).toBeCloseTo(8.5 / 1.75, 5);
    expect(decay(1)).toBe(0);
    expect(decay(1000)).toBe(0.5);
  });

  it('begins as a copy, and leaves its arguments as they are', () => {
    const weights = { w: tf.tensor1d([1, 2]) };
    const average = startAverage(weights);
    const moved = updateAverage(average, { w: tf.tensor1d([3, 4]) }, 0.5);
    weights.w.dispose();
    expect(numbers(average)).toEqual({ w: [1, 2] });
    expect(numbers(moved)).toEqual({ w: [2, 3] });
  });
});
