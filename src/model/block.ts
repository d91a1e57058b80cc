import * as tf from '@tensorflow/tfjs';
import { attend } from './attention.js';
import type { AttentionContext, AttentionWeights, Heads } from './attention.js';
import { dropout, nthDropout } from './dropout.js';
import type { Dropout } from './dropout.js';
import type { Routing } from './gating.js';
import type { Linear } from './linear.js';
import type { Mlp } from './mlp.js';
import type { Norm, NormWeights } from './norm.js';
import { residual } from './shardings.js';

/** The parts of an encoder's block: functions, chosen once when the architecture is made. */
export interface BlockParts {
  readonly heads: Heads;
  readonly norm: Norm;
  readonly mlp: Mlp;
}

/** The weights of one block. */
export type BlockWeights<Leaf = tf.Tensor> = {
  readonly attentionNorm: NormWeights<Leaf>; // [width]
  /** In a decoder with latent attention, `LatentWeights` stand here: only its attention's own functions look inside. */
  readonly attention: AttentionWeights<Leaf>;
  readonly mlpNorm: NormWeights<Leaf>; // [width]
  /** Where only some tokens go through the block: how much each should. */
  readonly depthRouter?: Linear<Leaf>; // [width, 1]
  /** An MLP's matrices, or those of experts. */
  readonly mlp: Readonly<Record<string, Linear<Leaf>>>;
};

/** What one block is given beside x. */
export interface BlockContext {
  readonly attention: AttentionContext;
  /** Of what is added to x. */
  readonly dropout?: Dropout | undefined;
  /** Of the hidden elements of the MLP. */
  readonly hidden?: Dropout | undefined;
  /** Whether experts take all of their tokens, whatever their capacity: in generation. */
  readonly dropsNone?: boolean;
  /** Of all that is added to a row: stochastic depth. */
  readonly depth?: Dropout | undefined;
}

/** The position-wise part of a block, such as an MLP or experts. */
export type Network = (
  weights: BlockWeights['mlp'],
  x: tf.Tensor,
  context: Pick<BlockContext, 'dropsNone' | 'hidden'>,
) => { readonly y: tf.Tensor; readonly routing?: Routing };

/** The parts of a decoder's block. */
export interface PreNormParts {
  readonly attend: (weights: BlockWeights['attention'], x: tf.Tensor, context: AttentionContext) => tf.Tensor;
  readonly norm: Norm;
  readonly network: Network;
}

/** The parts of a block with an MLP, whose tokens all go one way. */
export function withMlp({ heads, norm, mlp }: BlockParts): PreNormParts {
  return {
    attend: (weights, x, context) => attend(heads, weights, x, context),
    norm,
    network: (weights, x, { hidden }) => ({ y: mlp.forward(weights, x, hidden) }),
  };
}

/** What a decoder's block gives: a type, so that it is a tree. */
export type BlockResult = {
  readonly states: tf.Tensor;
  /** How its tokens were routed: one, where it has experts. */
  readonly routing: readonly Routing[];
};

/**
 * Pre-norm transformer block: x + attention(norm x), then x + network(norm x). [batch, time, width] → the same.
 * Vaswani 2017 (1706.03762); norm before, so that the residual path stays clear: Xiong 2020 (2002.04745).
 *
 * @example
 * const { states } = preNormBlock(parts, weights, x, context);
 */
export function preNormBlock(
  { attend: mix, norm, network }: PreNormParts,
  weights: BlockWeights,
  x: tf.Tensor,
  context: BlockContext,
): BlockResult {
  const [first, second] = added(context);
  const attention = mix(weights.attention, norm(weights.attentionNorm, x), context.attention);
  const attended = residual(tf.add(x, first(attention)));
  const { y, routing } = network(weights.mlp, norm(weights.mlpNorm, attended), context);
  return { states: residual(tf.add(attended, second(y))), routing: routing === undefined ? [] : [routing] };
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
  const attended = norm(weights.attentionNorm, residual(tf.add(x, first(attention))));
  const hidden = mlp.forward(weights.mlp, attended, context.hidden);
  return norm(weights.mlpNorm, residual(tf.add(attended, second(hidden))));
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
