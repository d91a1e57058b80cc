import * as tf from '@tensorflow/tfjs';
import { attend } from './attention.js';
import type { AttentionContext, AttentionWeights, Heads } from './attention.js';
import type { Mlp } from './mlp.js';
import type { Norm } from './norm.js';

/** The parts of a block: functions, chosen once when the architecture is made. */
export interface BlockParts {
  readonly heads: Heads;
  readonly norm: Norm;
  readonly mlp: Mlp;
}

/** The weights of one block. */
export type BlockWeights<Leaf = tf.Tensor> = {
  readonly attentionNorm: Leaf; // [width]
  readonly attention: AttentionWeights<Leaf>;
  readonly mlpNorm: Leaf; // [width]
  readonly mlp: Readonly<Record<string, Leaf>>;
};

/**
 * Pre-norm transformer block: x + attention(norm x), then x + mlp(norm x). [batch, time, width] → the same.
 * Vaswani 2017 (1706.03762); norm before, so that the residual path stays clear: Xiong 2020 (2002.04745).
 *
 * @example
 * block(parts, weights, x, context);
 */
export function block(parts: BlockParts, weights: BlockWeights, x: tf.Tensor, context: AttentionContext): tf.Tensor {
  const { heads, norm, mlp } = parts;
  const attended = tf.add(x, attend(heads, weights.attention, norm(weights.attentionNorm, x), context));
  return tf.add(attended, mlp.forward(weights.mlp, norm(weights.mlpNorm, attended)));
}
