import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { horizontalFlip } from '../../../src/data/image/augmentation/horizontal-flip.js';
import { randomCrop } from '../../../src/data/image/augmentation/random-crop.js';
import { channelNormalisation } from '../../../src/data/image/normalisation.js';
import { asTest, asTrain } from '../../../src/data/table/part.js';
import { key } from '../../../src/engine/key.js';
import { flatten } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import type * as tf from '@tensorflow/tfjs';
import { imageClassifier } from '../../../src/model/vision/image-classifier.js';
import { swin } from '../../../src/model/vision/swin.js';
import { trainImageClassifier } from '../../../src/train/recipes/train-image-classifier.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-train-images-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

// Light and dark images, with noise.
const count = 24;
const plain = {
  pixels: Uint8Array.from({ length: count * 64 }, (_, at) => (Math.floor(at / 64) % 2) * 150 + ((at * 37) % 100)),
  count,
  height: 8,
  width: 8,
  channels: 1,
  labels: Int32Array.from({ length: count }, (_, index) => index % 2),
  classes: ['dark', 'light'],
};
const images = asTrain(plain);
const architecture = imageClassifier(
  swin({
    image: [8, 8],
    channels: 1,
    patch: 2,
    depths: [1],
    heads: [2],
    width: 8,
    window: 2,
    dropPath: 0.1,
    initDeviation: 0.3,
  }),
  { classes: images.classes },
);
const options = {
  data: images,
  normalisation: channelNormalisation(images),
  augment: [randomCrop({ padding: 1 }), horizontalFlip()],
  mixup: 0.2,
  labelSmoothing: 0.1,
  steps: 20,
  batchSize: 8,
  learningRate: 0.02,
  evaluateEvery: 10,
  checkpointEvery: 5,
  averageDecay: 0.5,
  key: key(1),
  target: 'graph' as const,
};
const numbersOf = ({ weights }: { readonly weights: unknown }): Promise<number[][]> =>
  Promise.all(flatten(weights as Tree<tf.Tensor>).map(async (tensor) => [...(await tensor.data())]));

describe('trainImageClassifier', () => {
  it('learns, measures, and ends with the same weights where it was stopped and went on', async () => {
    const rows: Record<string, number>[] = [];
    const whole = await trainImageClassifier(architecture, {
      ...options,
      heldOut: images,
      metrics: (_, values) => rows.push(values),
    });
    const held = rows.filter((values) => 'heldOutLoss' in values);
    expect(held.map(({ heldOutLoss = NaN }) => heldOutLoss < 0.69)).toEqual([true, true]);
    expect(rows[0]).toHaveProperty('accuracy');
    const stop = new AbortController();
    const checkpoints = join(folder, 'checkpoints');
    const stopped = trainImageClassifier(architecture, {
      ...options,
      checkpoints,
      signal: stop.signal,
      metrics: (step) => {
        if (step === 7) stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow(/./);
    const resumed = await trainImageClassifier(architecture, { ...options, checkpoints });
    expect(await numbersOf(resumed)).toEqual(await numbersOf(whole));
  });

  it('refuses what does not fit', async () => {
    await expect(trainImageClassifier(architecture, { ...options, labelSmoothing: 2 })).rejects.toThrow(
      /imageClassification/,
    );
    await expect(trainImageClassifier(architecture, { ...options, learningRate: -1 })).rejects.toThrow(
      /trainImageClassifier: learningRate/,
    );
    // @ts-expect-error test images do not compile
    const wrong = () => trainImageClassifier(architecture, { ...options, data: asTest(plain) });
    expect(wrong).toBeTypeOf('function');
  });
});
