import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { blockMixing } from '../../src/model/block-mixing.js';
import { dropout, nthDropout } from '../../src/model/dropout.js';
import { maskedMixing, mixing } from '../../src/model/mixing.js';
import type { Mixing, Visibility } from '../../src/model/mixing.js';
import { expectClose } from './close.js';

const [batch, heads, group, headSize] = [2, 2, 3, 4];
const draw = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** Values and the gradients for queries, keys and values, with fixed inputs. */
function run(mix: Mixing, time: number, past = 0): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  const dy = draw([batch, heads, group, time, headSize], 4 + past);
  return (...inputs) => {
    const { value, grads } = tf.valueAndGrads((...[q, k, v]: tf.Tensor[]) =>
      mix(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor),
    )(inputs, dy);
    return [value, ...grads];
  };
}

const inputsOf = (time: number, past = 0): tf.Tensor[] => [
  draw([batch, heads, group, time, headSize], 1),
  draw([batch, heads, past + time, headSize], 2),
  draw([batch, heads, past + time, headSize], 3),
];

function expectSame(received: readonly tf.Tensor[], expected: readonly tf.Tensor[]): void {
  expected.forEach((tensor, index) => {
    expectClose((received[index] as tf.Tensor).dataSync(), tensor.dataSync(), 2e-5);
  });
}

const documents = tf.tensor2d(
  [
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2],
    [3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4],
  ],
  [2, 13],
  'int32',
);
const visibilities: Record<string, Visibility> = {
  causal: { causal: true },
  'both ways': { causal: false },
  window: { causal: true, window: 5 },
  documents: { causal: true, documents },
  'documents, both ways': { causal: false, documents },
  'documents and a window': { causal: true, window: 3, documents },
  'a prefix': { causal: true, prefix: tf.tensor1d([6, 11], 'int32') },
  'a prefix and a window': { causal: true, window: 3, prefix: tf.tensor1d([6, 0], 'int32') },
};

describe('attention in blocks is attention with all scores at once', () => {
  // 13 queries in blocks of 4: the last block is not full.
  it.each(Object.keys(visibilities))('%s: values and gradients', (name) => {
    const visibility = visibilities[name] as Visibility;
    const inputs = inputsOf(13);
    expectSame(run(blockMixing(visibility, { block: 4 }), 13)(...inputs), run(mixing(visibility), 13)(...inputs));
  });

  it.each(['xla', 'graph'] as const)('compiled for %s', async (target) => {
    const inputs = inputsOf(13);
    const visibility = visibilities['documents and a window'] as Visibility;
    const compiled = compile(run(blockMixing(visibility, { block: 4 }), 13), { target });
    expectSame(await compiled(...inputs), run(mixing(visibility), 13)(...inputs));
  });

  it('with a past that all queries see', () => {
    for (const visibility of [{ causal: true }, { causal: true, window: 3 }, { causal: true, documents }]) {
      const inputs = inputsOf(13, 6);
      expectSame(
        run(blockMixing(visibility, { block: 4 }), 13, 6)(...inputs),
        run(mixing(visibility), 13, 6)(...inputs),
      );
    }
  });

  it('one block for all', () => {
    const inputs = inputsOf(5);
    expectSame(run(blockMixing({ causal: true }), 5)(...inputs), run(mixing({ causal: true }), 5)(...inputs));
  });
});

describe('dropout within the blocks', () => {
  const left = { rate: 0.4, key: key(3) };
  const numPairs = 10; // blocks of 3 over 12 queries: 4 + 3 + 2 + 1 pairs on or below the diagonal

  /** The same elements left out of whole scores: pair p of query block i and key block j has the p-th dropout, in this order. */
  const whole: Mixing = (queries, keys, values) => {
    const rows = tf.reshape(queries, [batch * heads, group, 12, headSize]);
    const masks: tf.Tensor[][] = Array.from({ length: 4 }, () => []);
    let pair = 0;
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        const own = j <= i ? nthDropout(left, pair++) : undefined;
        const mask = dropout(tf.ones([batch * heads, group * 3, 3]), own);
        masks[i]?.push(tf.reshape(mask, [batch * heads, group, 3, 3]));
      }
    }
    expect(pair).toBe(numPairs);
    const kept = tf.concat(
      masks.map((row) => tf.concat(row, 3)),
      2,
    ); // [B, group, 12, 12]
    const flatKeys = tf.reshape(keys, [batch * heads, 1, 12, headSize]);
    const scores = tf.matMul(rows, tf.tile(flatKeys, [1, group, 1, 1]), false, true);
    const causal = tf.linalg.bandPart(tf.ones([12, 12]), -1, 0);
    const probabilities = tf.softmax(tf.add(scores, tf.mul(tf.sub(1, causal), -1e9)));
    const flatValues = tf.tile(tf.reshape(values, [batch * heads, 1, 12, headSize]), [1, group, 1, 1]);
    return tf.reshape(tf.matMul(tf.mul(probabilities, kept), flatValues), queries.shape);
  };

  it('leaves out the same elements forward and backward', () => {
    const inputs = inputsOf(12);
    const blocks: Mixing = (q, k, v) => blockMixing({ causal: true }, { block: 3 })(q, k, v, left);
    expectSame(run(blocks, 12)(...inputs), run(whole, 12)(...inputs));
  });

  it('with no key nothing is left out', () => {
    const inputs = inputsOf(12);
    const plain = maskedMixing(tf.mul(tf.sub(1, tf.linalg.bandPart(tf.ones([12, 12]), -1, 0)), -1e9));
    expectSame(run(blockMixing({ causal: true }, { block: 3 }), 12)(...inputs), run(plain, 12)(...inputs));
  });
});
