import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { flatten, treeEntries } from '../../../src/engine/tree.js';
import { adafactor } from '../../../src/train/optimizers/adafactor.js';
import { adam } from '../../../src/train/optimizers/adam.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { compactState } from '../../../src/train/optimizers/compact-state.js';
import { lamb } from '../../../src/train/optimizers/lamb.js';
import { layerwiseDecay } from '../../../src/train/optimizers/layerwise-decay.js';
import { lion } from '../../../src/train/optimizers/lion.js';
import { muon } from '../../../src/train/optimizers/muon.js';
import { chain, zipTrees } from '../../../src/train/optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../../../src/train/optimizers/optimizer.js';
import { partition } from '../../../src/train/optimizers/partition.js';
import { scaleByPath } from '../../../src/train/optimizers/scale-by-path.js';
import { warmupLinear } from '../../../src/train/schedules/schedule.js';
import { sgd } from '../../../src/train/optimizers/sgd.js';
import { expectClose } from '../../model/close.js';
import { descend, gradientsOf, numbers, scalarsOf, startParameters, stepOnce } from '../descend.js';

const learningRate = warmupLinear({ learningRate: 0.02, warmupSteps: 5, steps: 60 });
const optimizers: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ learningRate }),
  'sgd with Nesterov’s momentum': sgd({ learningRate, momentum: 0.9, nesterov: true, weightDecay: 0.01, clipNorm: 1 }),
  adam: adam({ learningRate }),
  adamw: adamw({ learningRate }),
  lamb: lamb({ learningRate }),
  lion: lion({ learningRate, weightDecay: 0.1 }),
  adafactor: adafactor({ learningRate }),
  muon: muon({ learningRate }),
  'rates by path': chain(adamw({ learningRate }), scaleByPath(layerwiseDecay({ layers: 1, decay: 0.8 }))),
  'a partition': partition((path) => (path.startsWith('layers') ? 'blocks' : 'rest'), {
    blocks: lion({ learningRate }),
    rest: adafactor({ learningRate }),
  }),
  'state in bfloat16': compactState(adamw({ learningRate }), 'bfloat16', { fromSize: 1 }),
  'state in bytes': compactState(adamw({ learningRate }), 'int8', { fromSize: 8 }),
  'muon’s state in bytes': compactState(muon({ learningRate }), 'int8', { fromSize: 8 }),
};

const specs = (tree: Tensors): string[] =>
  treeEntries<tf.Tensor>(tree).map(([path, leaf]) => `${path} ${leaf.dtype}[${leaf.shape.join()}]`);

describe.each(Object.entries(optimizers))('%s', (_, optimizer) => {
  it('keeps the structure of updates and the structure, shapes and dtypes of its state', () => {
    const parameters = startParameters();
    const state = optimizer.init(parameters);
    const result = optimizer.update(gradientsOf(1), state, parameters, scalarsOf(optimizer, 1));
    expect(specs(result.updates)).toEqual(specs(parameters));
    expect(specs(result.state)).toEqual(specs(state));
    expect(Object.keys(optimizer.scalars(2))).toEqual(Object.keys(optimizer.scalars(1)));
  });

  it('is pure: inputs stay, and the same inputs give the same outputs', () => {
    const parameters = startParameters();
    const gradients = gradientsOf(3);
    const first = optimizer.init(parameters);
    const before = [numbers(parameters), numbers(gradients), numbers(first)];
    const once = stepOnce(optimizer, parameters, first, gradients, 1);
    // Another tree in between: nothing is remembered.
    stepOnce(optimizer, { w: tf.ones([3, 5]) }, optimizer.init({ w: tf.ones([3, 5]) }), { w: tf.ones([3, 5]) }, 7);
    const again = stepOnce(optimizer, parameters, first, gradients, 1);
    expect([numbers(parameters), numbers(gradients), numbers(first)]).toEqual(before);
    expect(numbers(again.parameters)).toEqual(numbers(once.parameters));
    expect(numbers(again.state)).toEqual(numbers(once.state));
  });

  it('gives the same compiled as not compiled', async () => {
    let parameters = startParameters();
    let state: Tensors = optimizer.init(parameters);
    await descend(optimizer, 6, (step, compiledParameters, compiledState) => {
      ({ parameters, state } = stepOnce(optimizer, parameters, state, gradientsOf(step), step));
      expect(specs(compiledState)).toEqual(specs(state));
      expectClose(Object.values(numbers(compiledParameters)).flat(), Object.values(numbers(parameters)).flat(), 2e-6);
    });
  });

  it('goes down a quadratic', async () => {
    // Σ k (w − 0.1)², k from 1 to 3: the gradient is 2 k (w − 0.1).
    const steepness = (size: number): tf.Tensor1D => tf.linspace(1, 3, size);
    const gradients = (_step: number, parameters: Tensors): Tensors =>
      zipTrees((w) => tf.mul(tf.mul(tf.sub(w, 0.1), 2), tf.reshape(steepness(w.size), w.shape)), parameters);
    const lossOf = (parameters: Tensors): number =>
      flatten(parameters).reduce(
        (sum, w) =>
          sum +
          (tf.sum(tf.mul(tf.square(tf.sub(w, 0.1)), tf.reshape(steepness(w.size), w.shape))).dataSync()[0] ?? NaN),
        0,
      );
    const start = lossOf(startParameters());
    let end = NaN;
    await descend(optimizer, 60, (_step, parameters) => (end = lossOf(parameters)), gradients);
    expect(end).toBeLessThan(0.6 * start);
  });

  it('takes trees of any form, and of one leaf', () => {
    const leaf = fc.constantFrom([3], [2, 5], [4, 2], [1, 1]).map((shape) => shape as readonly number[]);
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf.map((shape) => ({ shape })),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
        fc.dictionary(fc.constantFrom('layers', 'gain', '0', '1', 'a'), tie('tree'), { minKeys: 1, maxKeys: 3 }),
      ),
    }));
    const tensors = (node: unknown): Tensors => {
      if (Array.isArray(node)) return node.map(tensors);
      const { shape, ...others } = node as { shape?: number[] };
      if (shape !== undefined) return tf.ones(shape);
      return Object.fromEntries(Object.entries(others).map(([name, child]) => [name, tensors(child)]));
    };
    fc.assert(
      fc.property(tree, (form) => {
        const parameters = tensors(form);
        const { parameters: moved } = stepOnce(optimizer, parameters, optimizer.init(parameters), parameters, 1);
        expect(specs(moved)).toEqual(specs(parameters));
        for (const values of Object.values(numbers(moved))) {
          for (const value of values) expect(value).toBeLessThan(1); // the gradient is 1 everywhere
        }
      }),
      { numRuns: 10, seed: 5 },
    );
  });
});
