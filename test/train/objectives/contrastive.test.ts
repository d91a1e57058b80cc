import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { encoder } from '../../../src/model/encoder.js';
import { textEmbedder } from '../../../src/model/heads/text-embedder.js';
import type { Texts } from '../../../src/tokens/texts.js';
import type { TextPairBatch } from '../../../src/tokens/text-pairs.js';
import { contrastive } from '../../../src/train/objectives/contrastive.js';
import { expectClose } from '../../model/close.js';
import { descend } from './descent.js';
import { reference } from './reference.js';

const { anchors, positives, negatives, temperature, ...expected } = reference.contrast;
// A text is one token, and its vector a row of a table: 0 … 3 are anchors, then come positives and negatives.
type Table = { readonly table: tf.Tensor };
const given = {
  forward: ({ table }: Table, inputs: tf.Tensor) => tf.gather(table, tf.reshape(inputs, [-1])) as tf.Tensor2D,
};
const table = (): Table => ({ table: tf.tensor2d([...anchors, ...positives, ...negatives]) });
const texts = (first: number, count = 4): Texts => ({
  inputs: Int32Array.from({ length: count }, (_, index) => first + index),
  mask: new Int32Array(count).fill(1),
  context: 1,
});
const pairs: TextPairBatch = {
  anchors: texts(0),
  positives: texts(4),
  weights: new Float32Array(4).fill(1),
  batchSize: 4,
};

describe('contrastive', () => {
  it.each([
    ['pairs', {}, pairs],
    ['hard', {}, { ...pairs, negatives: texts(8) }],
    ['symmetric', { symmetric: true }, pairs],
  ] as const)('%s: equals sentence-transformers’ ranking losses', async (name, options, batch) => {
    const { loss, gradients: grads } = expected[name];
    const { result, gradients } = await descend(contrastive({ temperature, ...options })(given), table(), batch);
    expect(result.loss).toBeCloseTo(loss, 5);
    const all = [...grads.flat(2), ...new Array<number>(60).fill(0)].slice(0, 60);
    expectClose(gradients.get('table') ?? [], all, 2e-6);
  });

  it('by hand: two pairs at right angles, temperature 1: log(1 + 1/e) each', async () => {
    const weights = { table: tf.tensor2d([[1, 0], [0, 2], [3, 0], [0, 1]]) }; // prettier-ignore
    const two = { anchors: texts(0, 2), positives: texts(2, 2), weights: Float32Array.of(1, 1), batchSize: 2 };
    const { result } = await descend(contrastive({ temperature: 1 })(given), weights, two);
    expect(result.loss).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
  });

  it.each([false, true])('symmetric %s: a row that does not count is as if it were not there', async (symmetric) => {
    const loss = contrastive({ temperature, symmetric })(given);
    const three = { anchors: texts(0, 3), positives: texts(4, 3), weights: Float32Array.of(1, 1, 1), batchSize: 3 };
    const [alone, padded] = [
      await descend(loss, table(), three),
      await descend(loss, table(), { ...pairs, weights: Float32Array.of(1, 1, 1, 0) }),
    ];
    expect(padded.result.loss).toBeCloseTo(alone.result.loss, 6);
    expectClose(padded.gradients.get('table') ?? [], alone.gradients.get('table') ?? [], 1e-6);
  });

  it('trains a text embedder; refuses pieces and temperatures', async () => {
    const architecture = textEmbedder(encoder({ layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 16 }));
    const side = (first: number): Texts => ({
      inputs: Int32Array.from({ length: 16 }, (_, index) => (first + 3 * index) % 16),
      mask: Int32Array.from({ length: 16 }, (_, index) => (index % 4 < 3 ? 1 : 0)),
      context: 4,
    });
    const batch = { ...pairs, anchors: side(0), positives: side(5) };
    const loss = contrastive()(architecture);
    const { result } = await descend(loss, architecture.init(key(1)), batch);
    expect(result.gradientNorm).toBeGreaterThan(0);
    await expect(descend(loss, architecture.init(key(1)), batch, { microBatch: 2 })).rejects.toThrow(
      /compares the rows/,
    );
    expect(() => contrastive({ temperature: 0 })).toThrow(/temperature/);
  });
});
