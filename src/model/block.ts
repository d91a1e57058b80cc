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
  /** Of all that is added to a row: stochastic depth. */
  readonly depth?: Dropout | undefined;
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
  const [first, second] = added(context);
  const attention = attend(heads, weights.attention, norm(weights.attentionNorm, x), context.attention);
  const attended = tf.add(x, first(attention));
  return tf.add(attended, second(mlp.forward(weights.mlp, norm(weights.mlpNorm, attended))));
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
  const [first, second] = added(context);
  const attention = attend(heads, weights.attention, x, context.attention);
  const attended = norm(weights.attentionNorm, tf.add(x, first(attention)));
  return norm(weights.mlpNorm, tf.add(attended, second(mlp.forward(weights.mlp, attended))));
}

/** What is left of the two that a block adds to x. */
function added({ dropout: elements, depth }: BlockContext): [Added, Added] {
  const nth = (n: number): Added => {
    const [ofElements, ofRows] = [nthDropout(elements, n), nthDropout(depth, n)];
    return (y) => dropout(dropout(y, ofElements), ofRows);
  };
  return [nth(0), nth(1)];
}

type Added = (y: tf.Tensor) => tf.Tensor;
