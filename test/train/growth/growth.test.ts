import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { normal } from '../../../src/engine/random.js';
import { treeEntries } from '../../../src/engine/tree.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Decoder } from '../../../src/model/decoder.js';
import type { Model } from '../../../src/model/model.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { mapWeights } from '../../../src/model/weights.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { expandBlocks } from '../../../src/train/growth/expand-blocks.js';
import { growContext } from '../../../src/train/growth/grow-context.js';
import { growInTurn, restoreGrown, weightIn } from '../../../src/train/growth/growth.js';
import type { Grow, Grown, StateTensors } from '../../../src/train/growth/growth.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { stackLayers } from '../../../src/train/growth/stack-layers.js';
import { startTraining } from '../../../src/train/step.js';
import { expectClose } from '../../model/close.js';

const sizes = { layers: 2, width: 8, heads: 2, context: 4, vocabularySize: 7 };

/** A model all of whose weights are drawn: biases and gains too. */
function model(options: Partial<Parameters<typeof decoder>[0]> = {}): Model {
  const architecture = decoder({ ...sizes, ...options });
  const weights = mapWeights(architecture.init(key(3)), (leaf, path) => {
    const noise = normal(key(path.length), leaf.shape, { deviation: 0.3 });
    return tf.add(leaf, noise);
  });
  return { architecture, weights };
}

const tokens = tf.tensor2d([[1, 5, 2, 6], [0, 3, 3, 4]], [2, 4], 'int32'); // prettier-ignore
const logitsOf = ({ architecture, weights }: Model): number[] => [...architecture.forward(weights, tokens).dataSync()];
const numbers = (tree: unknown): Record<string, number[]> =>
  Object.fromEntries(treeEntries<tf.Tensor>(tree as never).map(([path, leaf]) => [path, [...leaf.dataSync()]]));

/** Adam's means in the cells of the grown model, where `path`'s were filled with the number at its place before. */
async function grownState({ architecture, weights }: Model, grown: Grown<Decoder, DecoderWeights>) {
  const optimizer = adamw({ learningRate: 1e-3 });
  const start = (of: Model) =>
    startTraining(causalLanguageModel()(of.architecture), { weights: of.weights, optimizer, target: 'graph' });
  const small = start({ architecture, weights });
  let count = 0;
  const before: StateTensors = new Map(
    treeEntries<{ shape: number[] }>({ optimizer: small.cells.optimizer } as never).map(([path, { shape }]) => [
      path,
      tf.add(tf.range(0, tf.util.sizeFromShape(shape)).reshape(shape), 100 * ++count),
    ]),
  );
  const large = start(grown);
  restoreGrown(large.cells, before, grown.state);
  const after: Record<string, number[]> = {};
  for (const [path, kept] of treeEntries(large.cells.optimizer)) after[`optimizer.${path}`] = [...(await kept.data())];
  small.dispose();
  large.dispose();
  return { before: Object.fromEntries([...before].map(([path, tensor]) => [path, [...tensor.dataSync()]])), after };
}

describe('a longer context', () => {
  it.each(['rotary', 'sinusoidal', 'learned'] as const)(
    'is the same function of what is as long as before: %s',
    (positions) => {
      const small = model({ positions });
      const { architecture, weights } = growContext(10)(small);
      expect(architecture.config).toEqual({ ...small.architecture.config, context: 10 });
      expect(logitsOf({ architecture, weights })).toEqual(logitsOf(small)); // to the bit
      const longer = tf.zeros<tf.Rank.R2>([1, 10], 'int32');
      expect(architecture.forward(weights, longer).shape).toEqual([1, 10, 7]);
    },
  );

  it('repeats learned positions, and what the optimizer keeps for them', async () => {
    const small = model({ positions: 'learned' });
    const grown = growContext(10)(small);
    const table = small.weights.positions['weight']?.arraySync() as number[][];
    expect(grown.weights.positions['weight']?.arraySync()).toEqual(Array.from({ length: 10 }, (_, p) => table[p % 4]));
    const { before, after } = await grownState(small, grown);
    for (const mean of ['first', 'second']) {
      const path = `optimizer.1.${mean}.positions.weight`;
      const kept = before[path] ?? [];
      expect(after[path]).toEqual(Array.from({ length: 80 }, (_, index) => kept[index % 32]));
      const other = `optimizer.1.${mean}.layers.1.mlp.up.weight`;
      expect(after[other]).toEqual(before[other]);
    }
  });

  it('must be longer', () => {
    expect(() => growContext(4)(model())).toThrow(/received: 4\n.*above 4/);
  });
});

describe('stacked layers', () => {
  it('are the layers times over, the rest as it was', () => {
    const small = model();
    const { architecture, weights } = stackLayers({ times: 3 })(small);
    expect(architecture.config).toEqual({ ...small.architecture.config, layers: 6 });
    expect(weights.layers.length).toBe(6);
    for (let layer = 0; layer < 6; layer++)
      expect(numbers(weights.layers[layer])).toEqual(numbers(small.weights.layers[layer % 2]));
    expect(numbers({ ...weights, layers: [] })).toEqual(numbers({ ...small.weights, layers: [] }));
    expect(logitsOf({ architecture, weights })).not.toEqual(logitsOf(small));
  });

  it('have Adam’s means of the layers that they copy', async () => {
    const small = model();
    const { before, after } = await grownState(small, stackLayers()(small));
    for (const [path, values] of Object.entries(after)) {
      expect(values).toEqual(before[path.replace(/layers\.(\d)/, (_, layer) => `layers.${Number(layer) % 2}`)]);
    }
    expect(Object.keys(after).length).toBeGreaterThan(Object.keys(before).length);
  });

  it('are at least twice as many', () => {
    expect(() => stackLayers({ times: 1 })).toThrow(/at least 2/);
  });
});

describe('expanded blocks', () => {
  it.each([
    ['rms, SwiGLU', {}],
    ['layer, GELU, biases', { norm: 'layer', mlp: 'gelu', biases: 'all', positions: 'learned' }],
  ] as const)('add nothing: the logits are those of before: %s', (_, options) => {
    const small = model({ ...options, layers: 4 });
    const { architecture, weights } = expandBlocks({ every: 2 })(small);
    expect(architecture.config.layers).toBe(6);
    expectClose(logitsOf({ architecture, weights }), logitsOf(small), 1e-6);
    // 0 1 1′ 2 3 3′: the copies differ from what they copy in what ends in the residual stream.
    const query = (of: Pick<Model, 'weights'>, layer: number): unknown =>
      of.weights.layers[layer]?.attention.query.weight.arraySync();
    expect([0, 1, 2, 3, 4, 5].map((layer) => query({ weights }, layer))).toEqual(
      [0, 1, 1, 2, 3, 3].map((layer) => query(small, layer)),
    );
  });

  it('learn: their silent matrices have gradients', async () => {
    const small = model();
    const grown = expandBlocks({ every: 1 })(small);
    const training = startTraining(causalLanguageModel()(grown.architecture), {
      weights: grown.weights,
      optimizer: adamw({ learningRate: 0.01 }),
      target: 'graph',
    });
    const inputs = Int32Array.from(tokens.dataSync());
    const batch = {
      inputs,
      targets: inputs.toReversed(),
      weights: new Float32Array(8).fill(1),
      batchSize: 2,
      context: 4,
    };
    await training.step(batch, 1);
    const { layers } = training.weights();
    expect(tf.max(tf.abs(layers[1]?.attention.output.weight ?? 0)).dataSync()[0]).toBeGreaterThan(1e-3);
    expect(tf.max(tf.abs(layers[3]?.mlp['down']?.weight ?? 0)).dataSync()[0]).toBeGreaterThan(1e-3);
    training.dispose();
  });

  it('come after groups that the layers part into', () => {
    expect(() => expandBlocks({ every: 3 })(model())).toThrow(/2 layers/);
  });
});

describe('growth in turn', () => {
  it('is the second of the first, its state too', async () => {
    const small = model({ positions: 'learned' });
    const grown = growInTurn(growContext(8), stackLayers(), expandBlocks({ every: 4 }))(small);
    expect(grown.architecture.config).toMatchObject({ context: 8, layers: 5 });
    const { before, after } = await grownState(small, grown);
    const sources = [0, 1, 0, 1, 1];
    sources.forEach((source, layer) => {
      const path = (of: number): string => `optimizer.1.first.layers.${of}.attention.key.weight`;
      expect(after[path(layer)]).toEqual(before[path(source)]);
    });
    expect(after['optimizer.1.second.positions.weight']).toHaveLength(64);
  });

  it('of one’s own may be of any kind of model, such as one of larger images', () => {
    interface Images {
      readonly size: number;
    }
    type Weights = { readonly places: tf.Tensor; readonly kernel: tf.Tensor };
    const larger: Grow<Images, Weights> = ({ architecture: { size }, weights }) => {
      const resize = (places: tf.Tensor): tf.Tensor =>
        tf.image
          .resizeNearestNeighbor(places.reshape<tf.Tensor3D>([size, size, -1]), [2 * size, 2 * size])
          .reshape([4 * size * size, -1]);
      return {
        architecture: { size: 2 * size },
        weights: { ...weights, places: resize(weights.places) },
        state: (path, before) => {
          const kept = before(path);
          return path === 'places' && kept ? resize(kept) : kept;
        },
      };
    };
    const small = { architecture: { size: 1 }, weights: { places: tf.tensor2d([[7, 9]]), kernel: tf.scalar(1) } };
    const { architecture, weights } = growInTurn(larger, larger)(small);
    expect(architecture).toEqual({ size: 4 });
    expect(weights.places.shape).toEqual([16, 2]);
    // @ts-expect-error a growth of decoders is none of images
    void growInTurn<Images, Weights>(stackLayers());
  });
});

describe('the state of an optimizer', () => {
  it('knows its weights by the longest path, and of several the last', () => {
    const weights = new Set(['layers.0.w', 'w', '0', '1']);
    expect(weightIn('optimizer.1.first.layers.0.w', weights)).toEqual({
      prefix: 'optimizer.1.first',
      weight: 'layers.0.w',
      suffix: '',
    });
    expect(weightIn('optimizer.1.first.0', weights)).toMatchObject({ prefix: 'optimizer.1.first', weight: '0' });
    expect(weightIn('optimizer.2.w.rows', weights)).toEqual({ prefix: 'optimizer.2', weight: 'w', suffix: 'rows' });
    expect(weightIn('lossScale.scale', weights)).toBeUndefined();
  });

  it('begins anew where a shape is another', async () => {
    const small = model();
    const wide = model({ vocabularySize: 9 });
    const { after, before } = await grownState(small, wide); // no `state`: what has the same path
    expect(after['optimizer.1.first.embedding']).toEqual(new Array(72).fill(0));
    expect(after['optimizer.1.first.norm.weight']).toEqual(before['optimizer.1.first.norm.weight']);
  });
});
