import type * as tf from '@tensorflow/tfjs';
import { remat } from '../engine/remat.js';
import { preNormBlock } from './block.js';
import type { BlockContext, BlockResult, BlockWeights } from './block.js';
import type { DecoderParts } from './decoder-specs.js';
import type { Routing } from './gating.js';
import type { Linear } from './linear.js';
import { putChosen, takeChosen } from './mixture-of-depths.js';
import type { ChosenTokens } from './mixture-of-depths.js';
import type { DecoderWeights } from './weights.js';

/** What the blocks are given and make of it, and how those with experts have routed it. */
export interface Read {
  readonly states: tf.Tensor3D[];
  readonly routing: readonly Routing[];
}

/** All blocks of a decoder, one after another. */
export type RunBlocks = (
  parts: DecoderParts,
  weights: Pick<DecoderWeights, 'layers'>,
  x: tf.Tensor,
  choose: Choose | undefined,
  contextOf: ContextOf,
) => Read;

/** The tokens that go through a block with this router. */
type Choose = (router: Linear, x: tf.Tensor) => ChosenTokens;
/** What a block is given beside x, of all tokens or of those chosen. */
type ContextOf = (layer: number, chosen: ChosenTokens | undefined) => BlockContext;

/** Each block keeps what is inside it for the backward pass. */
export const runBlocks: RunBlocks = (...given) => runEach((block) => block, ...given);
/** Each block is computed again in the backward pass: see `remat`. */
export const runRecomputed: RunBlocks = (...given) => runEach(remat, ...given);

type Block = (weights: BlockWeights, x: tf.Tensor) => BlockResult;

/** What the blocks are given, and what each makes of it. */
function runEach(
  wrap: (block: Block) => Block,
  ...[parts, weights, x, choose, contextOf]: Parameters<RunBlocks>
): Read {
  const states = [x];
  const routing: Routing[] = [];
  const { norm, attention } = parts;
  weights.layers.forEach((layer, index) => {
    const before = states[index] as tf.Tensor;
    const chosen = layer.depthRouter && choose?.(layer.depthRouter, before);
    const context = contextOf(index, chosen);
    const { network } = parts.networkOf(index);
    const run = wrap((own, given) => preNormBlock({ attend: attention.attend, norm, network }, own, given, context));
    const given = chosen === undefined ? before : takeChosen(chosen, before);
    const result = run(layer, given);
    states.push(chosen === undefined ? result.states : putChosen(chosen, before, given, result.states));
    routing.push(...result.routing);
  });
  return { states: states as tf.Tensor3D[], routing };
}
