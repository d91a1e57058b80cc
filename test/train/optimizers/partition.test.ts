import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { treeEntries } from '../../../src/engine/tree.js';
import { swin } from '../../../src/model/vision/swin.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { compactState } from '../../../src/train/optimizers/compact-state.js';
import { layerwiseDecay } from '../../../src/train/optimizers/layerwise-decay.js';
import { lion } from '../../../src/train/optimizers/lion.js';
import { blockMatrices, muon } from '../../../src/train/optimizers/muon.js';
import { chain } from '../../../src/train/optimizers/optimizer.js';
import { partition } from '../../../src/train/optimizers/partition.js';
import { scaleByPath } from '../../../src/train/optimizers/scale-by-path.js';
import { constant } from '../../../src/train/schedules/schedule.js';
import { sgd } from '../../../src/train/optimizers/sgd.js';
import { expectClose } from '../../model/close.js';
import { descend, gradientsOf, numbers, startParameters, stepOnce } from '../descend.js';

describe('partition', () => {
  const optimizer = partition((path) => (path.startsWith('layers.') ? 'blocks' : 'rest'), {
    blocks: lion({ learningRate: 0.01 }),
    rest: adamw({ learningRate: constant(0.02), clipNorm: Infinity }),
  });

  it('is each group’s optimizer on the group’s leaves', async () => {
    const alone: Record<string, number[]>[] = [];
    for (const single of [lion({ learningRate: 0.01 }), adamw({ learningRate: 0.02, clipNorm: Infinity })])
      await descend(single, 5, (step, parameters) => step === 5 && alone.push(numbers(parameters)));
    const [ofLion, ofAdamw] = alone;
    await descend(optimizer, 5, (step, parameters) => {
      if (step < 5) return;
      expect(numbers(parameters)).toEqual({ ...ofLion, embedding: ofAdamw?.['embedding'] });
    });
  });

  it('names scalars and states by group and path', () => {
    expect(optimizer.scalars(1)).toMatchObject({ 'blocks.learningRate': 0.01, 'rest.learningRate': 0.02 });
    expect(Object.keys(numbers(optimizer.init(startParameters())))).toEqual([
      'blocks.1.momentum.layers.0.query',
      'blocks.1.momentum.layers.0.gain',
      'rest.1.first.embedding',
      'rest.1.second.embedding',
    ]);
  });

  it('tells the storage of what is within, by path and size', () => {
    const mixed = chain(
      partition((path) => (path.startsWith('layers.') ? 'blocks' : 'rest'), {
        blocks: compactState(lion({ learningRate: 0.01 }), 'bfloat16', { fromSize: 8 }),
        rest: adamw({ learningRate: 0.02 }),
      }),
    );
    const storage = (path: string, size: number): string | undefined => mixed.storage?.(path, tf.zeros([size]));
    expect(storage('0.blocks.1.momentum.layers.0.query', 24)).toBe('bfloat16');
    expect(storage('0.blocks.1.momentum.layers.0.gain', 6)).toBeUndefined();
    expect(storage('0.rest.1.first.embedding', 48)).toBeUndefined();
  });

  it('a group without leaves does nothing, clipping included', () => {
    const parameters = { gain: tf.tensor1d([1, 2]) };
    const optimizers = { some: adamw({ learningRate: 1 }), none: adamw({ learningRate: 1 }) };
    const empty = partition<'some' | 'none'>(() => 'some', optimizers);
    const { parameters: moved } = stepOnce(empty, parameters, empty.init(parameters), { gain: tf.zeros([2]) }, 1);
    expect(numbers(moved)).toEqual({ gain: [1, 2] });
  });

  it('has an optimizer for each group, and no others', () => {
    const one = sgd({ learningRate: 1 });
    const groupOf = (path: string): 'a' | 'b' => (path === 'a' ? 'a' : 'b');
    expect(partition(groupOf, { a: one, b: one })).toBeDefined();
    // @ts-expect-error group b has no optimizer
    expect(partition<'a' | 'b'>(groupOf, { a: one })).toBeDefined();
    // @ts-expect-error there is no group c
    expect(partition<'a' | 'b'>(groupOf, { a: one, b: one, c: one })).toBeDefined();
  });

  it('muon takes leaves by a predicate of the user’s', () => {
    const tables = muon({ learningRate: 0.1, matrices: (path) => path === 'embedding' });
    expect(Object.keys(numbers(tables.init(startParameters())))[0]).toBe('1.matrices.0.momentum.embedding');
  });

  it('muon trains the matrices of Swin’s stages and between them, and no table of distances', () => {
    const options = {
      image: [28, 28] as const,
      channels: 1,
      patch: 2,
      depths: [1, 1],
      heads: [2, 4],
      width: 8,
      window: 7,
    };
    const trunk = swin(options);
    const leaves = treeEntries<tf.Tensor>(trunk.init(key(1)));
    const taken = leaves.filter(([path, leaf]) => blockMatrices(path, leaf)).map(([path]) => path);
    const ofBlock = ['attention.query', 'attention.key', 'attention.value', 'attention.output', 'mlp.up', 'mlp.down'];
    const expected = [0, 1].flatMap((stage) => ofBlock.map((name) => `stages.${stage}.blocks.0.${name}.weight`));
    expect(taken.toSorted()).toEqual([...expected, 'stages.0.merging.reduction.weight'].toSorted());
  });
});

describe('rates by path', () => {
  it('a factor of 0.5 is half the learning rate, decay included; 0 leaves the leaf', () => {
    const factor = (path: string): number => (path === 'embedding' ? 0.5 : path.endsWith('gain') ? 0 : 1);
    const scaled = chain(adamw({ learningRate: 0.1, weightDecay: 0.2, clipNorm: Infinity }), scaleByPath(factor));
    const moved = (rate: number): Record<string, number[]> => {
      const optimizer = adamw({ learningRate: rate, weightDecay: 0.2, clipNorm: Infinity });
      const start = startParameters();
      return numbers(stepOnce(optimizer, start, optimizer.init(start), gradientsOf(1), 1).parameters);
    };
    const start = startParameters();
    const received = numbers(stepOnce(scaled, start, scaled.init(start), gradientsOf(1), 1).parameters);
    expectClose(received['embedding'] ?? [], moved(0.05)['embedding'] ?? [], 1e-7);
    expectClose(received['layers.0.query'] ?? [], moved(0.1)['layers.0.query'] ?? [], 1e-7);
    expect(received['layers.0.gain']).toEqual(numbers(start)['layers.0.gain']);
  });

  it('layerwise decay: 1 behind the layers, then a factor for each layer, embeddings last', () => {
    const factor = layerwiseDecay({ layers: 12, decay: 0.5 });
    expect(factor('output.weight')).toBe(1);
    expect(factor('norm.weight')).toBe(1);
    expect(factor('head.classifier.weight')).toBe(1);
    expect(factor('layers.11.mlp.up.weight')).toBe(0.5);
    expect(factor('trunk.layers.0.attention.query.bias')).toBe(0.5 ** 12);
    expect(factor('embedding')).toBe(0.5 ** 13);
    expect(factor('trunk.positions')).toBe(0.5 ** 13);
    expect(factor('positions.table')).toBe(0.5 ** 13);
    expect(factor('trunk.classToken')).toBe(0.5 ** 13);
  });

  it('layerwise decay over stages: a block is as deep as those before it say', () => {
    const factor = layerwiseDecay({ layers: [2, 4], decay: 0.5 });
    expect(factor('trunk.norm.weight')).toBe(1);
    expect(factor('trunk.stages.1.blocks.3.mlp.up.weight')).toBe(0.5);
    expect(factor('trunk.stages.1.blocks.0.relativeBias')).toBe(0.5 ** 4);
    expect(factor('trunk.stages.0.merging.reduction.weight')).toBe(0.5 ** 5);
    expect(factor('trunk.stages.0.blocks.0.mlp.up.weight')).toBe(0.5 ** 6);
    expect(factor('trunk.patches.weight')).toBe(0.5 ** 7);
    expect(() => factor('trunk.stages.0.blocks.2.mlp.up.weight')).toThrow(/was not said to have/);
    expect(() => layerwiseDecay({ layers: 6, decay: 0.5 })('trunk.stages.1.merging.norm.weight')).toThrow(
      /blocks of each stage/,
    );
  });
});
