import * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { mapTree, treeEntries } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { trainableShare } from '../../src/model/adapter.js';
import { bottleneck } from '../../src/model/bottleneck.js';
import type { BottleneckWeights } from '../../src/model/bottleneck.js';
import { decoder } from '../../src/model/decoder.js';
import { gpt2 } from '../../src/model/gpt2.js';
import { sample } from '../../src/model/sample.js';
import { loadWeights, saveWeights } from '../../src/model/tree-weights.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { expectClose } from './close.js';
import { baseModel, nextTokenLoss, peftReference } from './peft-reference.js';

// The truth: PyTorch with hooks on transformers' Llama, by fixtures/peft_dora.py.
const { tokens, numbers, names } = await peftReference('bottleneck');
const method = bottleneck({ size: 3 });

async function reference(): Promise<BottleneckWeights> {
  const { architecture } = await baseModel('llama');
  return mapTree(method.specs(architecture), ({ shape }, path) =>
    tf.tensor(numbers(path), [...shape]),
  ) as BottleneckWeights;
}

describe('bottleneck adapters', () => {
  it.each(['eager', 'compiled'])('%s: logits, loss and gradients are those of PyTorch', async (how) => {
    const model = await baseModel('llama');
    const adapted = method.adapt(model);
    const run = (adapter: BottleneckWeights, rows: tf.Tensor) => ({
      logits: adapted.forward(adapter, rows),
      ...valueAndGrads<BottleneckWeights>((values) => nextTokenLoss(adapted.forward(values, rows), rows))(adapter),
    });
    const weights = await reference();
    const { logits, value, grads } = how === 'eager' ? run(weights, tokens) : await compile(run)(weights, tokens);
    expectClose(logits.dataSync(), numbers('logits'), 1e-5);
    expectClose(value.dataSync(), numbers('loss'), 1e-5);
    const gradients = treeEntries<tf.Tensor>(grads);
    expect(gradients.map(([path]) => `grad.${path}`).sort()).toEqual(
      names.filter((name) => name.startsWith('grad.')).sort(),
    );
    for (const [path, gradient] of gradients) expectClose(gradient.dataSync(), numbers(`grad.${path}`), 1e-4);
  });

  it('change nothing at first, biases of the layer included', async () => {
    for (const base of ['llama', 'gpt2']) {
      const model = await baseModel(base);
      const first = method.init(model, key(1));
      const before = model.architecture.forward(model.weights, tokens).dataSync();
      expectClose(method.adapt(model).forward(first, tokens).dataSync(), before, 1e-6);
      // f((y + b) D + d) U + u with D = 0, f(d) U + u = 1: the bias is added once.
      const one = mapTree(method.specs(model.architecture), ({ shape }, path) =>
        path.endsWith('up.bias') && path.includes('layers.1.mlp') ? tf.ones([...shape]) : tf.zeros([...shape]),
      ) as BottleneckWeights;
      const states = model.architecture.hiddenStates(method.apply(model.weights, one), tokens).at(-1) as tf.Tensor;
      const plain = model.architecture.hiddenStates(model.weights, tokens).at(-1) as tf.Tensor;
      expectClose(tf.sub(states, plain).dataSync(), new Float32Array(plain.size).fill(1), 1e-4);
    }
  });

  it('stand behind the parts that are wanted', () => {
    const architecture = gpt2('small');
    const behindMlp = bottleneck({ size: 64, after: ['mlp'] });
    expect(Object.keys(behindMlp.specs(architecture))).toHaveLength(12);
    // 12 networks of 768 × 64, twice, with their biases.
    expect(behindMlp.numParameters(architecture)).toBe(12 * (2 * 768 * 64 + 64 + 768));
    expect(trainableShare(behindMlp, architecture)).toBeCloseTo(0.0095, 4);
  });

  it('write texts, and are saved', async () => {
    const model = await baseModel('llama');
    const weights = await reference();
    const tokenizer = characterTokenizer({ documents: [{ text: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU' }] });
    const folder = await mkdtemp(join(tmpdir(), 'bottleneck-'));
    await saveWeights(weights, folder);
    const read: BottleneckWeights = await loadWeights<BottleneckWeights>(weights, folder);
    await rm(folder, { recursive: true });
    const [text, again, plain] = await Promise.all(
      [method.apply(model.weights, weights), method.apply(model.weights, read), model.weights].map(async (own) => {
        const options = { temperature: 0, maxTokens: 6, key: key(1) };
        const [written] = await sample({ ...model, weights: own }, tokenizer, ['abc'], options);
        return written?.text;
      }),
    );
    expect(again).toBe(text);
    expect(plain).not.toBe(text);
  });

  it('say what does not fit', async () => {
    const experts = { number: 4, active: 2, hidden: 8 };
    const sparse = decoder({ layers: 1, width: 8, heads: 2, context: 8, vocabularySize: 5, experts });
    expect(() => method.specs(sparse)).toThrow("after: ['attention']");
    expect(Object.keys(bottleneck({ size: 2, after: ['attention'] }).specs(sparse))).toEqual([
      'layers.0.attention.output',
    ]);
    const model = await baseModel('llama');
    const other = { 'layers.9.mlp.down': Object.values(await reference())[0] } as BottleneckWeights;
    expect(() => method.apply(model.weights, other)).toThrow('layers.9.mlp.down');
    expect(() => bottleneck({ size: 0 })).toThrow('size');
    expect(() => bottleneck({ size: 2, after: ['mlp', 'mlp'] })).toThrow('twice');
  });
});
