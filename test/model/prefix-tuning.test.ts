import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { prefixTuning } from '../../src/model/prefix-tuning.js';
import type { PrefixWeights } from '../../src/model/prefix-tuning.js';
import { adapterOf, baseModel, nextTokenLoss, peftFolder, peftReference } from './peft-reference.js';
import { expectClose } from './close.js';

/** [layer][keys, values] as PEFT's file has them: [virtual tokens, layers · 2 · heads · headSize]. */
function inPeftOrder(prefix: PrefixWeights): ArrayLike<number> {
  const parts = prefix.flatMap(({ keys, values }) => [keys, values]);
  return tf.transpose(tf.concat(parts), [2, 0, 1, 3]).dataSync();
}

describe('an adapter of PEFT', () => {
  it.each(['eager', 'compiled'])('%s: logits, loss and gradients are those of PEFT', async (how) => {
    const model = await baseModel('llama');
    const { method, weights } = await adapterOf(peftFolder('prefix'), model, 'prefix');
    const { tokens, numbers } = await peftReference('prefix');
    const adapted = method.adapt(model);
    const run = (prefix: PrefixWeights, rows: tf.Tensor) => ({
      logits: adapted.forward(prefix, rows),
      ...valueAndGrads<PrefixWeights>((values) => nextTokenLoss(adapted.forward(values, rows), rows))(prefix),
    });
    const { logits, value, grads } = how === 'eager' ? run(weights, tokens) : await compile(run)(weights, tokens);
    expectClose(logits.dataSync(), numbers('logits'), 1e-5);
    expectClose(value.dataSync(), numbers('loss'), 1e-5);
    expectClose(inPeftOrder(grads), numbers('grad.prompt_embeddings'), 1e-4);
  });

  it('positions that are given are those of the tokens among themselves: the prefix comes before them', async () => {
    const model = await baseModel('llama');
    const { method, weights } = await adapterOf(peftFolder('prefix'), model, 'prefix');
    const { tokens, numbers } = await peftReference('prefix');
    const positions = tf.tile(tf.expandDims(tf.range(0, 12, 1, 'int32'), 0), [2, 1]);
    expectClose(method.adapt(model).forward(weights, tokens, { positions }).dataSync(), numbers('logits'), 1e-5);
  });

  it('two documents in a row see the prefix each, as they do alone', async () => {
    const model = await baseModel('llama');
    const { method, weights } = await adapterOf(peftFolder('prefix'), model, 'prefix');
    const { tokens } = await peftReference('prefix');
    const adapted = method.adapt(model);
    const row = tf.slice(tokens, [0, 0], [1, 12]);
    const documents = tf.tensor2d([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]], [1, 12], 'int32');
    const positions = tf.tensor2d([[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6]], [1, 12], 'int32');
    const packed = adapted.forward(weights, row, { documents, positions });
    const alone = [
      [0, 5],
      [5, 7],
    ].map(([start = 0, length = 0]) => adapted.forward(weights, tf.slice(row, [0, start], [1, length])));
    expectClose(packed.dataSync(), tf.concat(alone, 1).dataSync(), 1e-5);
  });
});

it('the first prefix is drawn from N(0, 1)', async () => {
  const model = await baseModel('llama');
  const prefix = prefixTuning({ numVirtualTokens: 200 }).init(model, key(5));
  expect(prefix.map(({ keys, values }) => [keys.shape, values.shape])).toEqual(
    Array.from({ length: 2 }, () => Array.from({ length: 2 }, () => [1, 2, 200, 4])),
  );
  const numbers = flatten<tf.Tensor>(prefix).flatMap((leaf) => [...leaf.dataSync()]);
  const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
  const square = numbers.reduce((sum, each) => sum + each * each, 0) / numbers.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(6400)); // 6400 draws: four deviations of their mean
  expect(Math.abs(square - 1)).toBeLessThan(4 * Math.sqrt(2 / 6400));
});

it('a prefix that does not fit, and rows that leave it no room, are refused', async () => {
  const model = await baseModel('llama');
  const method = prefixTuning({ numVirtualTokens: 5 });
  const prefix = method.init(model, key(1));
  const tokens = tf.zeros([1, 4], 'int32');
  const adapted = method.adapt(model);
  expect(() => adapted.forward(prefix.slice(1), tokens)).toThrow(
    /does not fit the model\n.*received: 1 layers, keys and values of \[1, 2, 5, 4\]\n.*expected: 2 layers/s,
  );
  expect(() => adapted.forward(prefixTuning({ numVirtualTokens: 4 }).init(model, key(1)), tokens)).toThrow(
    '[1, 2, 4, 4]',
  );
  const { context } = model.architecture.config;
  expect(() => adapted.forward(prefix, tf.zeros([1, context - 4], 'int32'))).toThrow(
    `shorten the rows to ${context - 5} tokens`,
  );
  expect(adapted.forward(prefix, tf.zeros([1, context - 5], 'int32')).shape).toEqual([1, context - 5, 48]);
  expect(() => prefixTuning({ numVirtualTokens: 0 })).toThrow('numVirtualTokens');
});
