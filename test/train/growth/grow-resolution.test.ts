import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { resizeImages } from '../../../src/data/image/resample.js';
import { key } from '../../../src/engine/key.js';
import { imageClassifier } from '../../../src/model/vision/image-classifier.js';
import type { ImageClassifier, ImageClassifierWeights } from '../../../src/model/vision/image-classifier.js';
import { interpolateGrid } from '../../../src/model/vision/interpolate-positions.js';
import { swin } from '../../../src/model/vision/swin.js';
import { vit } from '../../../src/model/vision/vit.js';
import type { ViT, ViTWeights } from '../../../src/model/vision/vit.js';
import { imageLoader } from '../../../src/tokens/image-loader.js';
import type { ImageBatch } from '../../../src/tokens/image-loader.js';
import { growResolution } from '../../../src/train/growth/grow-resolution.js';
import { trainProgressively } from '../../../src/train/growth/progressive.js';
import { imageClassification } from '../../../src/train/objectives/image-classification.js';
import { adam } from '../../../src/train/optimizers/adam.js';
import { expectClose } from '../../model/close.js';

const numbers = z.array(z.number());
const path = new URL('../../data/image/fixtures/images.json', import.meta.url);
const { bicubic } = z
  .object({ bicubic: z.object({ table: numbers, larger: numbers }) })
  .parse(JSON.parse(await readFile(path, 'utf8')));
const classes = ['a', 'b'];

describe('positions on a larger grid', () => {
  it('are PyTorch’s, bicubic', () => {
    const larger = interpolateGrid(tf.tensor(bicubic.table, [6, 2]), [3, 2], [5, 4]);
    expectClose(larger.dataSync(), bicubic.larger, 1e-5);
  });

  it('of a grid of the same size are the same, and the class token’s stays', () => {
    const trunk = vit({ image: [8, 8], channels: 1, patch: 4, layers: 1, heads: 1, width: 4 });
    const model = {
      architecture: imageClassifier(trunk, { classes }),
      weights: imageClassifier(trunk, { classes }).init(key(1)),
    };
    const { positions } = model.weights.trunk;
    const same = growResolution<ViT>([8, 8])(model);
    expectClose(same.weights.trunk.positions.dataSync(), positions.dataSync(), 1e-6);
    const grown = growResolution<ViT>([12, 16])(model);
    expect(grown.architecture.trunk.config.image).toEqual([12, 16]);
    expect(grown.weights.trunk.positions.shape).toEqual([1, 13, 4]);
    expectClose(
      tf.slice(grown.weights.trunk.positions, 0, [1, 1, 4]).dataSync(),
      tf.slice(positions, 0, [1, 1, 4]).dataSync(),
      0,
    );
    expect(grown.weights.trunk.layers).toBe(model.weights.trunk.layers);
  });

  it('what an optimizer keeps grows with them: squares stay at least 0', () => {
    const trunk = vit({ image: [8, 8], channels: 1, patch: 4, layers: 1, heads: 1, width: 4 });
    const architecture = imageClassifier(trunk, { classes });
    const { state } = growResolution<ViT>([16, 16])({ architecture, weights: architecture.init(key(1)) });
    const squares = tf.reshape(tf.tensor1d(Array.from({ length: 20 }, (_, at) => (at % 5 === 0 ? 1 : 0))), [1, 5, 4]);
    const kept = state?.('trunk.positions', () => squares);
    expect(kept?.shape).toEqual([1, 17, 4]);
    expect(kept?.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
    const means = state?.('trunk.positions', () => tf.sub(squares, 0.5));
    expect(means?.min().dataSync()[0]).toBeLessThan(0);
    expect(state?.('head.weight', () => squares)).toBe(squares);
  });

  it('a Swin’s biases grow where a window does', () => {
    const trunk = swin({ image: [8, 8], channels: 1, patch: 2, depths: [1, 1], heads: [1, 1], width: 4, window: 4 });
    const architecture = imageClassifier(trunk, { classes });
    const { architecture: larger, weights } = growResolution<typeof trunk>([16, 16])({
      architecture,
      weights: architecture.init(key(1)),
    });
    expect(larger.trunk.stages.map(({ window }) => window)).toEqual([4, 4]);
    expect(weights.trunk.stages.map(({ blocks }) => blocks[0]?.relativeBias.shape)).toEqual([
      [49, 1],
      [49, 1],
    ]);
    expect(larger.forward(weights, tf.ones([1, 16, 16, 1])).shape).toEqual([1, 2]);
    expect(() => growResolution<typeof trunk>([12, 12])({ architecture, weights: architecture.init(key(1)) })).toThrow(
      /whole windows/,
    );
  });

  it('small images first, in one training', async () => {
    const count = 16;
    const images = {
      // Class 0 is light, class 1 dark.
      pixels: Uint8Array.from(
        { length: count * 64 },
        (_, at) => (at % 5) * 10 + (Math.floor(at / 64) % 2 === 0 ? 200 : 0),
      ),
      count,
      height: 8,
      width: 8,
      channels: 1,
      labels: Int32Array.from({ length: count }, (_, index) => index % 2),
      classes,
    };
    const normalisation = { mean: [0.5], deviation: [0.5] };
    const architecture = imageClassifier(vit({ image: [4, 4], channels: 1, patch: 2, layers: 1, heads: 1, width: 8 }), {
      classes,
    });
    const losses: number[] = [];
    const model = await trainProgressively<
      ImageClassifier<ViT>,
      ImageClassifierWeights<ViTWeights>,
      ImageBatch,
      { architecture: ImageClassifier<ViT>; weights: ImageClassifierWeights<ViTWeights> }
    >(
      { architecture, weights: architecture.init(key(1)) },
      {
        objective: imageClassification(),
        phases: [
          { untilStep: 24, data: (options) => imageLoader(resizeImages(images, [4, 4]), { normalisation }, options) },
          {
            untilStep: 40,
            data: (options) => imageLoader(images, { normalisation }, options),
            grow: growResolution<ViT>([8, 8]),
          },
        ],
        optimizer: adam({ learningRate: 0.01 }),
        plan: { batchSize: 8 },
        key: key(2),
        target: 'graph',
        on: (event) => {
          if (event.type === 'step') losses.push(event.result.loss);
        },
      },
    );
    expect(model.architecture.trunk.config.image).toEqual([8, 8]);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.slice(24).every((loss) => loss < 0.4)).toBe(true); // what was learned of small images is not lost
  });
});
