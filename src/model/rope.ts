import * as tf from '@tensorflow/tfjs';
import { rotaryFrequencies } from './rope-scaling.js';
import type { Rotary } from './rope-scaling.js';

/** cos and signed sin of each position's angles, [positions, headSize] each. */
export interface RotaryTables {
  readonly numPositions: number;
  readonly headSize: number;
  readonly cos: Float32Array;
  /** −sin in the first half of a row, +sin in the second: then turning is x · cos + swap(x) · sin. */
  readonly sin: Float32Array;
}

/**
 * The angles of rotary positions: position p turns the pair (i, i + headSize/2) by p · ωᵢ, ωᵢ = base^(−2i/headSize) unless they are
 * scaled (`rope-scaling.ts`). The halves layout is that of Hugging Face's Llama. Su 2021, "RoFormer" (2104.09864).
 *
 * @example
 * const tables = rotaryTables({ headSize: 64, base: 10_000 }, 256);
 */
export function rotaryTables(rotary: Rotary, numPositions: number): RotaryTables {
  const { headSize } = rotary;
  const { perPosition, magnitude } = rotaryFrequencies(rotary, numPositions);
  const half = headSize / 2;
  const cos = new Float32Array(numPositions * headSize);
  const sin = new Float32Array(numPositions * headSize);
  for (let position = 0; position < numPositions; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = position * (perPosition[pair] ?? 0);
      const first = position * headSize + pair;
      cos[first] = cos[first + half] = magnitude * Math.cos(angle);
      sin[first] = -magnitude * Math.sin(angle);
      sin[first + half] = magnitude * Math.sin(angle);
    }
  }
  return { numPositions, headSize, cos, sin };
}

/**
 * Turns each head's pairs: y = x · cos + swap(x) · sin, where swap exchanges the halves of the last axis.
 * x [..., time, headSize]; cos and sin [..., time, headSize], rows of the tables.
 *
 * A turn's gradient is the turn back, the same five ops with −sin; tfjs would derive twice as many.
 *
 * @example
 * rotate(queries, cos, sin);
 */
export function rotate(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [input, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([cos, sin]); // eager gradients run when the forward pass has let go of its own tensors
    return {
      value: tf.add(tf.mul(input, cos), tf.mul(swapHalves(input), sin)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedCos, savedSin] = saved as [tf.Tensor, tf.Tensor];
        return tf.sub(tf.mul(dy, savedCos), tf.mul(swapHalves(dy), savedSin));
      },
    };
  });
  return apply(x);
}

function swapHalves(x: tf.Tensor): tf.Tensor {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.concat([second, first], -1);
}
