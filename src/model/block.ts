import * as tf from '@tensorflow/tfjs';
import { attend } from './attention.js';
import type { AttentionContext, AttentionWeights, Heads } from './attention.js';
import { dropout, nthDropout } from './dropout.js';
import type { Dropout } from './dropout.js';
import type { Linear } from './linear.js';
import type { Mlp } from './mlp.js';
import type { Norm, NormWeights } from './norm.js';

/** The parts of a block: functions, chosen once when the architecture is made. */
export interface BlockParts {
  readonly heads: Heads;
  readonly norm: Norm;
  readonly mlp: Mlp;
}

/** The weights of one block. */
export type BlockWeights<Leaf = tf.Tensor> = {
  readonly attentionNorm: NormWeights<Leaf>; // [width]
  readonly attention: AttentionWeights<Leaf>;
  readonly mlpNorm: NormWeights<Leaf>; // [width]
  readonly mlp: Readonly<Record<string, Linear<Leaf>>>;
};

/** What one block is given beside x. */
export interface BlockContext {
  readonly attention: AttentionContext;
  /** Of what is added to x. */
  readonly dropout?: Dropout | undefined;
  /** Of the hidden elements of the MLP. */
  readonly hidden?: Dropout | undefined;
}

/**
 * Pre-norm transformer block: x + attention(norm x), then x + mlp(norm x). [batch, time, width] → the same.
 * Vaswani 2017 (1706.03762); norm before, so that the residual path stays clear: Xiong 2020 (2002.04745).
 *
 * @example
 * preNormBlock(parts, weights, x, context);
 */
export function preNormBlock(parts: BlockParts, weights: BlockWeights, x: tf.Tensor, context: BlockContext): tf.Tensor {
  const { heads, norm, mlp } = parts;
  const [first, second] = twoDropouts(context);
  const attention = attend(heads, weights.attention, norm(weights.attentionNorm, x), context.attention);
  const attended = tf.add(x, dropout(attention, first));
  return tf.add(attended, dropout(mlp.forward(weights.mlp, norm(weights.mlpNorm, attended), context.hidden), second));
}

/**
 * Post-norm transformer block: norm(x + attention x), then norm(x + mlp x). [batch, time, width] → the same.
 * Vaswani 2017 (1706.03762); BERT: Devlin 2018 (1810.04805).
 *
 * @example
 * postNormBlock(parts, weights, x, context);
 */
export function postNormBlock(
  parts: BlockParts,
  weights: BlockWeights,
  x: tf.Tensor,
  context: BlockContext,
): tf.Tensor {
  const { heads, norm, mlp } = parts;
  const [first, second] = twoDropouts(context);
  const attention = attend(heads, weights.attention, x, context.attention);
  const attended = norm(weights.attentionNorm, tf.add(x, dropout(attention, first)));
  return norm(weights.mlpNorm, tf.add(attended, dropout(mlp.forward(weights.mlp, attended, context.hidden), second)));
}

function twoDropouts({ dropout: both }: BlockContext): [Dropout | undefined, Dropout | undefined] {
  return [nthDropout(both, 0), nthDropout(both, 1)];
}
