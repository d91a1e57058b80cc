import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { embedPatches } from '../../../src/model/vision/patches.js';
import { swin } from '../../../src/model/vision/swin.js';
import { expectClose } from '../close.js';

describe('patches', () => {
  it('are a convolution, with any overlap: kernel P + 2 o, stride P, zeros around the image', () => {
    const sizes = fc.record({
      patch: fc.constantFrom(1, 2, 4),
      halves: fc.integer({ min: 0, max: 3 }),
      rows: fc.integer({ min: 1, max: 3 }),
      columns: fc.integer({ min: 1, max: 3 }),
      channels: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(sizes, ({ patch, halves, rows, columns, channels }) => {
        const overlap = patch === 1 ? halves : (halves * patch) / 2;
        const kernel = patch + 2 * overlap;
        tf.tidy(() => {
          const images = tf.randomNormal<tf.Rank.R4>([2, rows * patch, columns * patch, channels]);
          const weight = tf.randomNormal<tf.Rank.R4>([kernel, kernel, channels, 3]);
          const around: [number, number] = [overlap, overlap];
          const padded = tf.pad4d(images, [[0, 0], around, around, [0, 0]]);
          const convolved = tf.conv2d(padded, tf.transpose(weight, [1, 0, 2, 3]), patch, 'valid');
          const tokens = embedPatches({ weight }, images, overlap);
          expect(tokens.shape).toEqual([2, rows * columns, 3]);
          expectClose(tokens.dataSync(), convolved.dataSync(), 1e-4);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('reach so many halves of a patch into their neighbours, or are refused', () => {
    const options = { image: [8, 8], channels: 1, patch: 4, depths: [1], heads: [1], width: 4, window: 2 } as const;
    expect(swin({ ...options, overlap: 2 }).specs.patches.weight.shape).toEqual([8, 8, 1, 4]);
    expect(() => swin({ ...options, overlap: 3 })).toThrow(
      'overlap must be so many halves of a patch: 3 pixels, patches of 4',
    );
  });
});
