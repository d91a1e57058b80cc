import * as tf from '@tensorflow/tfjs';
import { attend } from '../attention.js';
import type { AttentionWeights } from '../attention.js';
import type { BlockContext, BlockParts, BlockWeights } from '../block.js';
import { attendTo } from './cross-attention.js';
import type { CrossContext } from './cross-attention.js';
import { dropout, nthDropout } from '../dropout.js';
import type { NormWeights } from '../norm.js';

/** The weights of a block that also looks at another sequence. */
export type CrossBlockWeights<Leaf = tf.Tensor> = {
  readonly attentionNorm: NormWeights<Leaf>; // [width]
  readonly attention: AttentionWeights<Leaf>;
  readonly crossNorm: NormWeights<Leaf>; // [width]
  readonly cross: AttentionWeights<Leaf>;
  readonly mlpNorm: NormWeights<Leaf>; // [width]
  readonly mlp: BlockWeights<Leaf>['mlp'];
};

/** What such a block is given beside x. */
export interface CrossBlockContext extends BlockContext {
  readonly cross: CrossContext;
}

/**
 * Pre-norm block of a decoder that looks at an encoder: x + attention(norm x), then x + cross attention(norm x, memory), then
 * x + mlp(norm x). [batch, time, width] → the same. Vaswani 2017 (1706.03762); norm before: Raffel 2019, "T5" (1910.10683).
 *
 * @example
 * preNormCrossBlock(parts, weights, x, { attention, cross: { memory, mix } });
 */
export function preNormCrossBlock(
  { heads, norm, mlp }: BlockParts,
  weights: CrossBlockWeights,
  x: tf.Tensor,
  context: CrossBlockContext,
): tf.Tensor {
  const added = (to: tf.Tensor, more: tf.Tensor, place: number): tf.Tensor =>
    tf.add(to, dropout(more, nthDropout(context.dropout, place)));
  const own = added(x, attend(heads, weights.attention, norm(weights.attentionNorm, x), context.attention), 0);
  const crossed = added(own, attendTo(heads, weights.cross, norm(weights.crossNorm, own), context.cross), 1);
  return added(crossed, mlp.forward(weights.mlp, norm(weights.mlpNorm, crossed), context.hidden), 2);
}
