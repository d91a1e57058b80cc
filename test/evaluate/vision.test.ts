import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { predictImages } from '../../src/evaluate/predict-images.js';
import { attentionMaps, attentionRollout } from '../../src/evaluate/vision/attention-rollout.js';
import { classActivation, gradCam } from '../../src/evaluate/vision/class-activation.js';
import { key } from '../../src/engine/key.js';
import { normal } from '../../src/engine/random.js';
import { patchEncoder } from '../../src/model/vision/frames.js';
import { imageClassifier } from '../../src/model/vision/image-classifier.js';
import { swin } from '../../src/model/vision/swin.js';
import type { ImageTrunk } from '../../src/model/vision/token-encoder.js';
import type { PatchEncoderWeights } from '../../src/model/vision/frames.js';
import { vit } from '../../src/model/vision/vit.js';
import { expectClose } from '../model/close.js';

const classes = ['a', 'b', 'c'];
const options = { image: [8, 8] as const, channels: 1, patch: 2, initDeviation: 0.5 };
const ofWindows = swin({ ...options, depths: [2, 1], heads: [1, 2], width: 4, window: 2 });
const ofAll = vit({ ...options, layers: 2, heads: 2, width: 4 });
const images = normal(key('images'), [2, 8, 8, 1]);

describe('class activation maps', () => {
  it('their mean, and the bias, is the logit of a Swin', async () => {
    const architecture = imageClassifier(ofWindows, { classes });
    const weights = architecture.init(key(1));
    const logits = architecture.forward(weights, images).arraySync();
    const { maps, rows, columns } = await classActivation({ architecture, weights }, images, [2, 0]);
    expect([rows, columns]).toEqual([2, 2]);
    const bias = weights.head.bias?.dataSync() ?? [];
    maps.forEach((map, image) => {
      const label = image === 0 ? 2 : 0;
      const mean = map.reduce((sum, value) => sum + value, 0) / map.length;
      expect(mean + (bias[label] ?? 0)).toBeCloseTo(logits[image]?.[label] ?? NaN, 4);
    });
  });

  it('Grad-CAM of tokens whose mean is read is the positive part of the map, over the number of tokens', async () => {
    // α_k = w_k / T: Selvaraju 2016, section 3.1. A trunk of patches alone, which is observed at its end.
    const patches = patchEncoder({ image: [8, 8], channels: 1, patch: 2, width: 5, initDeviation: 0.5 });
    const trunk: ImageTrunk<PatchEncoderWeights> = {
      ...patches,
      config: { initDeviation: 0.5 },
      grid: [4, 4],
      pool: (tokens) => tf.mean(tokens, 1),
      encode: (weights, given, { observe } = {}) => {
        const tokens = patches.encode(weights, given);
        return observe?.(0, tokens) ?? tokens;
      },
    };
    const architecture = imageClassifier(trunk, { classes });
    const model = { architecture, weights: architecture.init(key(2)) };
    const { maps } = await classActivation(model, images, [1, 2]);
    const { maps: ours } = await gradCam(model, images, [1, 2]);
    maps.forEach((map, image) => {
      expectClose(
        ours[image] ?? [],
        map.map((value) => Math.max(0, value) / 16),
        1e-5,
      );
      expect(Math.max(...(ours[image] ?? []))).toBeGreaterThan(0);
    });
  });

  it('Grad-CAM looks at any block, each image by itself', async () => {
    for (const trunk of [ofWindows, ofAll]) {
      const architecture = imageClassifier<typeof trunk>(trunk, { classes });
      const model = { architecture, weights: architecture.init(key(3)) };
      const { maps, rows, columns } = await gradCam(model, images, [0, 1], { place: 1 });
      expect([rows, columns]).toEqual([4, 4]);
      const alone = await gradCam(model, tf.slice(images, [1], [1]), [1], { place: 1 });
      expectClose(alone.maps[0] ?? [], maps[1] ?? [], 1e-5);
      const last = await gradCam(model, images, [0, 1]);
      expect(last.maps[0]?.some((value) => value > 0)).toBe(true);
      await expect(gradCam(model, images, [0, 1], { place: 9 })).rejects.toThrow(/no such place/);
      await expect(gradCam(model, images, [0])).rejects.toThrow(/not one class for each image/);
      await expect(gradCam(model, images, [0, 3])).rejects.toThrow(/from 0 to 2/);
    }
  });
});

describe('attention rollout', () => {
  it('the attention of each block: rows sum to 1, and a Swin looks into its windows alone', async () => {
    const maps = await attentionMaps(ofWindows, ofWindows.init(key(1)), images);
    expect(maps.map(({ size }) => size)).toEqual([16, 16, 4]);
    for (const { size, images: each } of maps)
      for (const map of each)
        for (let row = 0; row < size; row++)
          expect(map.subarray(row * size, (row + 1) * size).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    const [first, second] = maps.map(({ images: each }) => each[0] ?? new Float32Array());
    const seenBy = (map: Float32Array | undefined, row: number): number[] =>
      [...(map ?? []).slice(16 * row, 16 * row + 16)].flatMap((value, token) => (value > 0 ? [token] : []));
    expect(seenBy(first, 0)).toEqual([0, 1, 4, 5]);
    expect(seenBy(second, 5)).toEqual([5, 6, 9, 10]); // shifted
    expect(seenBy(second, 0)).toEqual([0]); // what came in at the other side is hidden
  });

  it('of one block of a ViT is half its own attention, by hand', async () => {
    const trunk = vit({ ...options, layers: 1, heads: 2, width: 4 });
    const weights = trunk.init(key(1));
    const [attention] = await attentionMaps(trunk, weights, images);
    const { maps, rows, columns } = await attentionRollout(trunk, weights, images);
    expect([rows, columns]).toEqual([4, 4]);
    maps.forEach((map, image) => {
      const ofClass = (attention?.images[image] ?? new Float32Array()).subarray(1, 17);
      expectClose(
        map,
        ofClass.map((value) => value / 2),
        1e-6,
      );
    });
  });

  it('nothing is lost on the way: all tokens together count 1', async () => {
    const { maps } = await attentionRollout(ofWindows, ofWindows.init(key(1)), images);
    for (const map of maps) expect(map.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    const both = await attentionRollout(ofAll, ofAll.init(key(1)), images);
    for (const map of both.maps) {
      const patches = map.reduce((sum, value) => sum + value, 0);
      expect(patches).toBeGreaterThan(0.5); // of the class token a quarter comes from itself, and some by attention
      expect(patches).toBeLessThan(0.75);
    }
  });

  it('whoever looks at attention changes nothing', async () => {
    for (const trunk of [ofWindows, ofAll]) {
      const weights = trunk.init(key(1)) as never;
      const before = trunk.encode(weights, images).dataSync();
      await attentionMaps(trunk, weights, images);
      expectClose(trunk.encode(weights, images).dataSync(), before, 0);
    }
  });
});

describe('predictImages', () => {
  const given = {
    pixels: Uint8Array.from({ length: 5 * 64 }, (_, at) => (at * 53) % 256),
    count: 5,
    height: 8,
    width: 8,
    channels: 1,
    labels: Int32Array.of(0, 1, 2, 0, 1),
    classes,
  };
  const normalisation = { mean: [0.5], deviation: [0.25] };
  const architecture = imageClassifier(ofAll, { classes });
  const model = { architecture, weights: architecture.init(key(4)) };
  const seen = tf.div(tf.sub(tf.div(tf.tensor4d(Float32Array.from(given.pixels), [5, 8, 8, 1]), 255), 0.5), 0.25);

  it('gives softmax and the likeliest class, whatever the batches', async () => {
    const {
      probabilities,
      classes: found,
      numClasses,
    } = await predictImages(model, given, { normalisation, batchSize: 2 });
    const expected = tf.softmax(architecture.forward(model.weights, seen));
    expectClose(probabilities, expected.dataSync(), 1e-5);
    expect([...found]).toEqual([...tf.argMax(expected, 1).dataSync()]);
    expect(numClasses).toBe(3);
  });

  it('in a mirror too: the mean of both', async () => {
    const { probabilities } = await predictImages(model, given, { normalisation, mirrored: true });
    const likely = (x: tf.Tensor): tf.Tensor => tf.softmax(architecture.forward(model.weights, x));
    expectClose(probabilities, tf.mul(tf.add(likely(seen), likely(tf.reverse(seen, 2))), 0.5).dataSync(), 1e-5);
  });
});
