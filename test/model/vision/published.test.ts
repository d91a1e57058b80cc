import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { readSafetensors } from '../../../src/model/files/safetensors.js';
import { storedWeights } from '../../../src/model/names.js';
import {
  imageModelCodec,
  imageModelNames,
  loadImageModel,
  saveImageModel,
} from '../../../src/model/vision/image-model.js';
import type { ImageModel } from '../../../src/model/vision/image-model.js';
import { swin, swinSizes } from '../../../src/model/vision/swin.js';
import { imageClassifier } from '../../../src/model/vision/image-classifier.js';
import { vit, vitSizes } from '../../../src/model/vision/vit.js';
import { tokenLosses } from '../../../src/train/objectives/cross-entropy.js';
import { expectClose } from '../close.js';
import { fixture } from '../encoder-reference.js';

// The truth: Hugging Face transformers, by fixtures/transformers_vision.py.

/** What transformers says of a folder. */
async function reference(folder: string) {
  const { tensors } = await readSafetensors(join(fixture(folder), 'expected.safetensors'));
  const found = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`${folder} has no ${name}`);
    return tensor;
  };
  const pixels = found('pixel_values');
  return {
    images: tf.transpose(tf.tensor(pixels.elements as Float32Array, [...pixels.shape]), [0, 2, 3, 1]),
    labels: tf.tensor1d(Array.from(found('labels').elements as BigInt64Array, Number), 'int32'),
    numbers: (name: string) => found(name).elements as Float32Array,
    gradients: [...tensors].flatMap(([name, { elements }]) =>
      name.startsWith('grad.') ? [[name.slice('grad.'.length), elements as Float32Array] as const] : [],
    ),
  };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-vision-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe.each(['vit', 'swin'])('%s, a folder that transformers wrote', (name) => {
  it.each(['eager', 'compiled', 'recomputed'])('%s: hidden states, logits, loss and all gradients', async (way) => {
    const { architecture, weights } = await loadImageModel(fixture(name));
    const { images, labels, numbers, gradients } = await reference(name);
    const run = (given: ImageModel['weights'], x: tf.Tensor) => {
      const states: tf.Tensor[] = [];
      const options = { recompute: way === 'recomputed' };
      const logits = architecture.forward(given, x, {
        ...options,
        observe: (_place, tokens) => {
          states.push(tokens);
          return tokens;
        },
      });
      const loss = (w: ImageModel['weights']) =>
        tf.mean<tf.Scalar>(tokenLosses(architecture.forward(w, x, options), labels));
      return { logits, states, ...valueAndGrads<ImageModel['weights']>(loss)(given) };
    };
    const { logits, states, value, grads } =
      way === 'eager' ? run(weights, images) : await compile(run, { target: 'graph' })(weights, images);
    // After each block; transformers has Swin's after each stage, merged already.
    const places = name === 'vit' ? [0, 1, 2] : [0];
    for (const place of places)
      expectClose(await (states[place] as tf.Tensor).data(), numbers(`hidden_states.${place}`), 1e-5);
    expectClose(await logits.data(), numbers('logits'), 2e-5);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    const stored = await storedWeights(grads, imageModelNames(architecture));
    expect([...stored.keys()].sort()).toEqual(gradients.map(([own]) => own).sort());
    for (const [own, expected] of gradients) expectClose(stored.get(own)?.elements as Float32Array, expected, 1e-4);
  });

  it('is written as transformers wrote it', async () => {
    const model = await loadImageModel(fixture(name));
    const own = join(folder, name);
    await saveImageModel(model, own);
    const [theirs, ours] = await Promise.all(
      [fixture(name), own].map(async (place) => ({
        weights: (await readSafetensors(join(place, 'model.safetensors'))).tensors,
        config: JSON.parse(await readFile(join(place, 'config.json'), 'utf8')) as Record<string, unknown>,
      })),
    );
    expect([...(ours?.weights.keys() ?? [])].sort()).toEqual([...(theirs?.weights.keys() ?? [])].sort());
    for (const [weight, { elements, shape }] of theirs?.weights ?? []) {
      expect(ours?.weights.get(weight)?.shape).toEqual(shape);
      expectClose(ours?.weights.get(weight)?.elements as Float32Array, elements as Float32Array, 0);
    }
    const { trainbook: _own, ...config } = ours?.config ?? {};
    expect(theirs?.config).toMatchObject(config);
    const again = await loadImageModel(own);
    expect(again.architecture.trunk.config).toEqual(model.architecture.trunk.config);
    expect(again.architecture.classes).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
  });
});

describe('folders', () => {
  it('are how a run keeps a classifier of images', async () => {
    const model = await loadImageModel(fixture('swin'));
    expect(imageModelCodec.is(model)).toBe(true);
    expect(imageModelCodec.is({ ...model, architecture: model.architecture.trunk })).toBe(false);
    const own = join(folder, 'kept');
    await imageModelCodec.write(model, own);
    const again = await imageModelCodec.read(own);
    expect(again.architecture.numParameters).toBe(model.architecture.numParameters);
    expect(imageModelCodec.summarise(again)).toMatchObject({
      title: 'Swin Transformer',
      facts: { blocks: '2 + 2', 'width (features)': '8, 16', classes: 3, parameters: model.architecture.numParameters },
    });
  });

  it.each([
    ['whose last stage is smaller than a window', { window: 4 }],
    ['whose patches overlap', { window: 2, overlap: 1 }],
  ])('hold a Swin that transformers cannot run, %s, without its keys', async (_what, changed) => {
    const sizes = { image: [8, 8], channels: 1, patch: 2, depths: [1, 1], heads: [1, 1], width: 4 } as const;
    const trunk = swin({ ...sizes, ...changed });
    const architecture = imageClassifier(trunk, { classes: ['shirt', 'bag'] });
    const own = join(folder, 'small');
    await saveImageModel({ architecture, weights: architecture.init(key(1)) }, own);
    expect(Object.keys(JSON.parse(await readFile(join(own, 'config.json'), 'utf8')) as object)).toEqual(['trainbook']);
    const again = await loadImageModel(own);
    expect(again.architecture.classes).toEqual(['shirt', 'bag']);
    const images = tf.ones([1, 8, 8, 1]);
    const ours = architecture.forward(architecture.init(key(1)), images);
    expectClose(again.architecture.forward(again.weights, images).dataSync(), ours.dataSync(), 0);
  });

  it('of other models are refused', async () => {
    await expect(loadImageModel(fixture('bert'))).rejects.toThrow(/no model of images that is known here[\s\S]*"bert"/);
  });
});

describe('published sizes', () => {
  it.each([
    ['ViT-B/16', vit({ ...vitSizes.base, image: [224, 224], patch: 16 }), 86_567_656],
    ['ViT-L/16', vit({ ...vitSizes.large, image: [224, 224], patch: 16 }), 304_326_632],
    ['Swin-T', swin({ ...swinSizes.tiny, image: [224, 224], patch: 4, window: 7 }), 28_288_354],
    ['Swin-B', swin({ ...swinSizes.base, image: [224, 224], patch: 4, window: 7 }), 87_768_224],
  ] as const)('%s with 1,000 classes has the parameters that its authors count', (_name, trunk, published) => {
    const classes = Array.from({ length: 1000 }, (_, index) => String(index));
    expect(imageClassifier<typeof trunk>(trunk, { classes }).numParameters).toBe(published);
  });

  it('FLOPs are as the papers count them, a multiplication with an addition as one', () => {
    const tiny = swin({ ...swinSizes.tiny, image: [224, 224], patch: 4, window: 7 });
    expect(tiny.flopsPerInput / 2 / 1e9).toBeCloseTo(4.5, 1); // Liu 2021, table 1
    const base = vit({ ...vitSizes.base, image: [224, 224], patch: 16 });
    expect(base.flopsPerInput / 2 / 1e9).toBeCloseTo(17.6, 1); // Touvron 2020, table 5
  });

  it('FLOPs are those that the compiler counts', () => {
    const trunk = swin({ image: [16, 16], channels: 1, patch: 2, depths: [2, 2], heads: [2, 4], width: 32, window: 4 });
    const run = compile((weights: ReturnType<typeof trunk.init>, images: tf.Tensor) => trunk.encode(weights, images));
    const { flops } = run.explain(trunk.init(key(1)), tf.zeros([2, 16, 16, 1]));
    const counted = 2 * trunk.flopsPerInput;
    expect(flops / counted).toBeGreaterThan(1);
    expect(flops / counted).toBeLessThan(1.25); // norms, softmax and GELU are on top
  });
});
