import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { train } from '../../src/train/train.js';
import { lineOptions } from './straight-line.js';

it('a training in place uses up the model given, and ends as one that leaves it; also when it goes on', async () => {
  const checkpoints = await mkdtemp(join(tmpdir(), 'in-place-'));
  const start = (): { architecture: null; weights: { slope: tf.Tensor } } => ({
    architecture: null,
    weights: { slope: tf.zeros([1]) },
  });
  const heights = [1, 3, 2];
  const [kept, used, first, resumed] = [start(), start(), start(), start()];
  const { weights: expected } = await train(kept, lineOptions(heights, { steps: 6 }));
  const { weights } = await train(used, { ...lineOptions(heights, { steps: 6 }), inPlace: true });
  expect([kept.weights.slope.isDisposed, used.weights.slope.isDisposed]).toEqual([false, true]);
  expect(await weights.slope.data()).toEqual(await expected.slope.data());

  const stopped = new AbortController();
  const options = { ...lineOptions(heights, { steps: 6, checkpointEvery: 2 }), checkpoints, inPlace: true };
  const halfway = train(first, {
    ...options,
    signal: stopped.signal,
    on: ({ step }) => {
      if (step === 3) stopped.abort();
    },
  });
  await expect(halfway).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  const { weights: gone } = await train(resumed, options);
  expect([first.weights.slope.isDisposed, resumed.weights.slope.isDisposed]).toEqual([true, true]);
  expect(await gone.slope.data()).toEqual(await expected.slope.data());
  await rm(checkpoints, { recursive: true, force: true });
});
