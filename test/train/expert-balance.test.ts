import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { flatten, treeEntries } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { decoder } from '../../src/model/decoder.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import type { Routing } from '../../src/model/gating.js';
import { loadModel } from '../../src/model/model.js';
import { mapWeights } from '../../src/model/weights.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import type { Batch } from '../../src/tokens/loader.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { balanceLoss, routerZLoss } from '../../src/train/objectives/expert-balance.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { balanceExperts } from '../../src/train/optimizers/balance-experts.js';
import { startTraining } from '../../src/train/step.js';
import { expectClose } from '../model/close.js';

const fixtures = fileURLToPath(new URL('../model/fixtures/', import.meta.url));

describe('the balance of experts', () => {
  // The truth: transformers' `aux_loss` and its gradients, by fixtures/transformers_experts.py.
  it.each(['mixtral', 'qwen2-moe', 'qwen3-moe'])(
    '%s: value and gradients are those of transformers',
    async (folder) => {
      const { architecture, weights } = await loadModel(join(fixtures, folder));
      const { tensors } = await readSafetensors(join(fixtures, folder, 'expected.safetensors'));
      const numbers = (name: string): Float32Array => tensors.get(name)?.elements as Float32Array;
      const ids = Int32Array.from(tensors.get('input_ids')?.elements as BigInt64Array, Number);
      const inputs = tf.tensor(ids, [2, 12], 'int32');
      const { value, grads } = valueAndGrads<DecoderWeights>((w) =>
        balanceLoss(architecture.routed(w, inputs).routing, tf.ones([24]), 'model'),
      )(weights);
      expectClose(value.dataSync(), numbers('balance'), 1e-5);
      expectClose(grads.embedding.dataSync(), numbers('balance_grad.model.embed_tokens.weight'), 1e-5);
      const routers = [...tensors.keys()].filter((name) => /^balance_grad\..*gate\.weight$/.test(name));
      expect(routers.length).toBeGreaterThan(0);
      for (const name of routers) {
        const layer = Number(/layers\.(\d+)/.exec(name)?.[1]);
        const gradient = grads.layers[layer]?.mlp['router']?.weight as tf.Tensor2D;
        expectClose(tf.transpose(gradient).dataSync(), numbers(name), 1e-5);
      }
    },
  );

  it('is k where all is even, and counts tokens as they are weighed', () => {
    // By hand, two experts, one a token. Even: f = p = (½, ½), so 2 (¼ + ¼) = 1. Without token 1: f = (1, 0), p = (0.75, 0.25): 2 · 0.75.
    const routing: Routing = {
      logits: tf.tensor2d([[Math.log(3), 0], [0, Math.log(3)]]), // prettier-ignore
      probabilities: tf.tensor2d([[0.75, 0.25], [0.25, 0.75]]), // prettier-ignore
      experts: tf.tensor2d([[0], [1]], [2, 1], 'int32'),
      dropped: tf.zeros([2, 1]),
    };
    expect(balanceLoss([routing], tf.ones([2])).dataSync()[0]).toBeCloseTo(1, 6);
    expect(balanceLoss([routing], tf.tensor1d([1, 0])).dataSync()[0]).toBeCloseTo(1.5, 6);
    // (ln (3 + 1))² for both.
    expect(routerZLoss([routing], tf.ones([2])).dataSync()[0]).toBeCloseTo(Math.log(4) ** 2, 6);
    // A second layer that sends both to expert 0: over layers the mean of 1 and 1.5; over the model f = (¾, ¼), p = (⅝, ⅜).
    const full: Routing = {
      ...routing,
      probabilities: tf.tensor2d([[0.75, 0.25], [0.75, 0.25]]), // prettier-ignore
      experts: tf.tensor2d([[0], [0]], [2, 1], 'int32'),
    };
    expect(balanceLoss([routing, full], tf.ones([2])).dataSync()[0]).toBeCloseTo(1.25, 6);
    expect(balanceLoss([routing, full], tf.ones([2]), 'model').dataSync()[0]).toBeCloseTo(
      2 * (0.75 * 0.625 + 0.25 * 0.375),
      6,
    );
  });
});

const context = 8;
const batchOf = (seed: number, batchSize = 4): Batch => {
  const ids = Int32Array.from({ length: batchSize * (context + 1) }, (_, index) => (index * index + seed * 5) % 12);
  const rows = (from: number): Int32Array =>
    Int32Array.from(
      { length: batchSize * context },
      (_, index) => ids[Math.floor(index / context) * (context + 1) + (index % context) + from] ?? 0,
    );
  return {
    inputs: rows(0),
    targets: rows(1),
    weights: new Float32Array(batchSize * context).fill(1),
    batchSize,
    context,
  };
};
const architectureOf = (balancedBy: 'loss' | 'bias', vocabularySize = 12) =>
  decoder({
    layers: 1,
    width: 8,
    heads: 2,
    context,
    vocabularySize,
    experts: { number: 4, active: 1, hidden: 4, balancedBy, ...(balancedBy === 'bias' && { scores: 'sigmoid' }) },
  });
const settings = { target: 'graph' } as const;

describe('training a decoder with experts', () => {
  it('has the parts of the loss and what is watched in its results, also in pieces', async () => {
    const architecture = architectureOf('loss');
    const objective = causalLanguageModel({ experts: { balance: 0.01, routerZ: 0.001 } });
    const training = startTraining(objective(architecture), {
      weights: architecture.init(key(1)),
      optimizer: adamw({ learningRate: 1e-2 }),
      microBatch: 2,
      recompute: true,
      ...settings,
    });
    const result = await training.step(batchOf(1), 1);
    expect(Object.keys(result.parts)).toEqual(['loss', 'expertBalance', 'routerZ']);
    expect(result.parts['expertBalance']).toBeGreaterThan(0.005);
    expect(result.watched['fullestExpert']).toBeGreaterThanOrEqual(1);
    expect(result.watched['droppedTokens']).toBe(0);
    training.dispose();
  });

  it('moves biases by the sign of their load’s error, whatever the pieces of the batch, and gradient norms do not see it', async () => {
    const architecture = architectureOf('bias');
    const weights = architecture.init(key(2));
    const objective = causalLanguageModel({ experts: {} });
    const rate = 0.25;
    const batch = batchOf(2);
    const after: number[][] = [];
    for (const microBatch of [undefined, 1]) {
      const training = startTraining(objective(architecture), {
        weights,
        optimizer: balanceExperts(adamw({ learningRate: 1e-3 }), { rate }),
        microBatch,
        ...settings,
      });
      const { gradientNorm } = await training.step(batch, 1);
      expect(gradientNorm).toBeGreaterThan(1e-3);
      after.push([...(training.weights().layers[0]?.mlp['router']?.bias as tf.Tensor).dataSync()]);
      training.dispose();
    }
    const inputs = tf.tensor2d(batch.inputs, [4, context], 'int32');
    const { routing } = architecture.routed(weights, inputs);
    const counts = tf.sum(tf.oneHot(tf.reshape(routing[0]?.experts as tf.Tensor, [-1]), 4, 1, 0, 'float32'), 0);
    const expected = [...counts.dataSync()].map((count) => -rate * Math.sign(count - (4 * context) / 4) + 0);
    expect(new Set(expected).size).toBeGreaterThan(1);
    for (const biases of after) expect(biases.map((bias) => bias + 0)).toEqual(expected);
  });

  it('evens out the load by the bias alone', async () => {
    const architecture = architectureOf('bias', 64);
    // Each of 64 tokens once: an even load is possible.
    const inputs = Int32Array.from({ length: 64 }, (_, index) => (index * 11) % 64);
    const batch = { inputs, targets: inputs, weights: new Float32Array(64).fill(1), batchSize: 8, context } as Batch;
    const training = startTraining(causalLanguageModel({ experts: {} })(architecture), {
      weights: mapWeights(architecture.init(key(5)), (leaf, path) =>
        path.endsWith('router.bias') ? tf.tensor1d([0.05, 0, 0, -0.05]) : leaf,
      ),
      optimizer: balanceExperts(adamw({ learningRate: 1e-4 }), { rate: 0.002 }),
      ...settings,
    });
    const fullest: number[] = [];
    for (let step = 1; step <= 60; step++)
      fullest.push((await training.step(batch, step)).watched['fullestExpert'] ?? NaN);
    const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
    expect(fullest[0]).toBeGreaterThan(1.6);
    expect(mean(fullest.slice(-10))).toBeLessThan(1.3);
    // Nothing but the biases is moved by the rule, and a bias only by whole rates.
    const paths = treeEntries(training.weights() as never).map(([path]) => path);
    expect(paths).toContain('layers.0.mlp.router.bias');
    expect(flatten(training.weights() as never).length).toBe(paths.length);
    training.dispose();
  });

  it('refuses a loss for experts on a model that has none', async () => {
    const dense = decoder({ layers: 1, width: 8, heads: 2, context, vocabularySize: 12 });
    const training = startTraining(causalLanguageModel({ experts: {} })(dense), {
      weights: dense.init(key(1)),
      optimizer: adamw({ learningRate: 1e-3 }),
      ...settings,
    });
    await expect(training.step(batchOf(1), 1)).rejects.toThrow('the model has none');
    training.dispose();
    expect(() => causalLanguageModel({ experts: { balance: -1 } })).toThrow('experts.balance');
  });
});
