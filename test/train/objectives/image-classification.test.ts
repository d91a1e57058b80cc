import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageBatch } from '../../../src/tokens/image-loader.js';
import { classification } from '../../../src/train/objectives/classification.js';
import { imageClassification } from '../../../src/train/objectives/image-classification.js';

/** Images of 1 × 3 pixels whose pixels are the logits. */
const model = { forward: (_: unknown, images: tf.Tensor) => tf.reshape(images, [-1, 3]) };
const batchOf = (logits: readonly number[], targets: readonly number[], weights: readonly number[]): ImageBatch => ({
  inputs: Float32Array.from(logits),
  shape: [1, 3, 1],
  targets: Float32Array.from(targets),
  weights: Float32Array.from(weights),
  batchSize: weights.length,
});
const sumsOf = (batch: ImageBatch, labelSmoothing = 0) => {
  const loss = imageClassification({ labelSmoothing })(model);
  const { loss: sum, accuracy } = loss.sums(undefined, loss.tensors(batch));
  return [sum?.dataSync()[0] ?? NaN, accuracy?.dataSync()[0] ?? NaN] as const;
};

describe('imageClassification', () => {
  const logit = fc.float({ min: -5, max: 5, noNaN: true });
  const row = fc.record({ logits: fc.tuple(logit, logit, logit), label: fc.nat(2), weight: fc.constantFrom(0, 1) });

  it('of whole classes is classification, with label smoothing too', () => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 0.1, 0.5),
        (rows, labelSmoothing) => {
          const hot = rows.flatMap(({ label }) => [0, 1, 2].map((own) => Number(own === label)));
          const logits = rows.flatMap(({ logits: own }) => own);
          const weights = rows.map(({ weight }) => weight);
          const [sum] = sumsOf(batchOf(logits, hot, weights), labelSmoothing);
          const plain = classification({ labelSmoothing })(model);
          const labelled = {
            inputs: Float32Array.from(logits),
            targets: Int32Array.from(rows, ({ label }) => label),
            weights: Float32Array.from(weights),
            batchSize: rows.length,
          };
          const expected = plain.sums(undefined, plain.tensors(labelled))['loss']?.dataSync()[0] ?? NaN;
          expect(sum).toBeCloseTo(expected, 4);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('of mixed images is linear in the shares', () => {
    const logits = [0.5, -1, 2];
    const of = (...targets: number[]): number => sumsOf(batchOf(logits, targets, [1]))[0];
    expect(of(0.3, 0, 0.7)).toBeCloseTo(0.3 * of(1, 0, 0) + 0.7 * of(0, 0, 1), 5);
  });

  it('watches the share of images whose largest class is the likeliest', () => {
    const batch = batchOf([3, 0, 0, 0, 3, 0, 0, 0, 3, 9, 0, 0], [0.6, 0.4, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0], [1, 1, 1, 0]);
    expect(sumsOf(batch)[1]).toBe(2); // the last one does not count
    const loss = imageClassification()(model);
    expect(loss.counts(loss.tensors(batch))['accuracy']?.dataSync()[0]).toBe(3);
  });

  it('refuses images of other classes than the model', () => {
    const loss = imageClassification()(model);
    const batch = { ...batchOf([1, 2, 3], [1, 0], [1]) };
    expect(() => loss.sums(undefined, loss.tensors(batch))).toThrow(/of other classes than the model/);
    expect(() => imageClassification({ labelSmoothing: 1 })).toThrow(/imageClassification/);
  });
});
