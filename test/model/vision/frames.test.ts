import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { frameEncoder, patchEncoder } from '../../../src/model/vision/frames.js';
import { swin } from '../../../src/model/vision/swin.js';
import type { TokenEncoder } from '../../../src/model/vision/token-encoder.js';
import { expectClose } from '../close.js';

const patches = patchEncoder({ image: [4, 6], channels: 1, patch: 2, width: 5 });
const clips = frameEncoder(patches, { frames: 3 });
const images = tf.reshape(tf.range(0, 2 * 3 * 24), [2, 3, 4, 6, 1]);

describe('token encoders', () => {
  it('a patch is its pixels times a matrix, and its position, by hand', () => {
    const one = patchEncoder({ image: [1, 2], channels: 1, patch: 1, width: 2 });
    const weights = {
      patches: { weight: tf.tensor4d([1, -1], [1, 1, 1, 2]), bias: tf.tensor1d([10, 20]) },
      positions: tf.tensor3d([100, 200, 300, 400], [1, 2, 2]),
    };
    const tokens = one.encode(weights, tf.tensor4d([3, 7], [1, 1, 2, 1]));
    expect([...tokens.dataSync()]).toEqual([113, 217, 317, 413]);
  });

  it('a clip’s tokens are its frames’, each with its time', () => {
    const weights = clips.init(key(1));
    expect([clips.numTokens, clips.width, clips.inputShape]).toEqual([18, 5, [3, 4, 6, 1]]);
    const tokens = clips.encode(weights, images);
    expect(tokens.shape).toEqual([2, 18, 5]);
    for (let frame = 0; frame < 3; frame++) {
      const alone = patches.encode(weights.image, tf.reshape(tf.slice(images, [0, frame], [2, 1]), [2, 4, 6, 1]));
      const time = tf.slice(weights.times, [frame], [1]);
      expectClose(tf.slice(tokens, [0, 6 * frame], [2, 6]).dataSync(), tf.add(alone, time).dataSync(), 1e-5);
    }
  });

  it('all weights of a clip’s encoder have a gradient', () => {
    const { grads } = valueAndGrads<ReturnType<typeof clips.init>>((weights) =>
      tf.sum<tf.Scalar>(tf.square(clips.encode(weights, images))),
    )(clips.init(key(1)));
    for (const grad of [grads.times, grads.image.positions, grads.image.patches.weight])
      expect(tf.min(tf.abs(grad)).dataSync()[0]).toBeGreaterThan(0);
  });

  it('any trunk of images makes tokens of frames, and parameters are counted', () => {
    const trunk = swin({ image: [8, 8], channels: 1, patch: 2, depths: [1, 1], heads: [1, 2], width: 4, window: 4 });
    const ofTrunk: TokenEncoder<unknown> = frameEncoder(trunk, { frames: 2 });
    expect([ofTrunk.numTokens, ofTrunk.width]).toEqual([8, 8]);
    expect(ofTrunk.numParameters).toBe(trunk.numParameters + 2 * 8);
    expect(ofTrunk.flopsPerInput).toBe(2 * trunk.flopsPerInput);
  });

  it('clips of another length are refused', () => {
    expect(() => clips.encode(clips.init(key(1)), tf.zeros([1, 2, 4, 6, 1]))).toThrow(
      /not clips of the length[\s\S]*\[batch, 3, 4, 6, 1\]/,
    );
    expect(() => frameEncoder(patches, { frames: 0 })).toThrow(/frameEncoder: frames/);
  });
});
