import * as tf from '@tensorflow/tfjs';
import { mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { BlockWeights } from '../../model/block.js';
import { decoder } from '../../model/decoder.js';
import type { Decoder } from '../../model/decoder.js';
import type { Linear } from '../../model/linear.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { Grow } from './growth.js';
import { fromLayers, layerOf } from './stack-layers.js';

/**
 * Block expansion: after each `every` blocks one more, a copy of the last of them whose two matrices that end in the residual stream
 * are 0. Such a block adds nothing, so the model is the same function as before, and learns from there. Wu 2024, "LLaMA Pro"
 * (2401.02415), section 3.2; that a model may grow without a change of its function: Chen 2015, "Net2Net" (1511.05641).
 *
 * What the optimizer keeps is copied with the blocks, for the reason that `stackLayers` has.
 *
 * @throws TrainbookError if `every` does not divide the layers.
 * @example
 * const { architecture, weights } = expandBlocks({ every: 2 })(model); // 4 layers become 6: 0 1 1′ 2 3 3′
 */
export function expandBlocks({ every }: { readonly every: number }): Grow<Decoder, DecoderWeights> {
  return ({ architecture: { config }, weights }) => {
    if (!Number.isInteger(every) || every < 1 || config.layers % every !== 0) {
      throw new TrainbookError({
        what: 'expandBlocks: the blocks do not part into groups',
        received: `${config.layers} layers, a new one after each ${every}`,
        expected: 'an `every` that divides the layers',
      });
    }
    const { experts } = config;
    const blocks = Array.from({ length: config.layers }, (_, layer) => layer).flatMap((layer) => [
      { source: layer, adds: true },
      ...((layer + 1) % every === 0 ? [{ source: layer, adds: false }] : []),
    ]);
    return {
      architecture: decoder({
        ...config,
        layers: blocks.length,
        ...(experts && {
          experts: { ...experts, fromLayer: blocks.filter(({ source }) => source < experts.fromLayer).length },
        }),
      }),
      weights: {
        ...weights,
        layers: blocks.map(({ source, adds }) => (adds ? layerOf(weights, source) : silent(layerOf(weights, source)))),
      },
      state: fromLayers(blocks.map(({ source }) => source)),
    };
  };
}

/** A block that adds 0 to the residual stream. */
function silent(block: BlockWeights): BlockWeights {
  const zeros = (linear: Linear): Linear =>
    mapTree<tf.Tensor, tf.Tensor>(linear, (leaf) => tf.zerosLike(leaf)) as Linear;
  const { mlp } = block;
  const ending = Object.entries(mlp).filter(([name]) => /down$/i.test(name));
  return {
    ...block,
    attention: { ...block.attention, output: zeros(block.attention.output) },
    mlp: { ...mlp, ...Object.fromEntries(ending.map(([name, linear]) => [name, zeros(linear)])) },
  };
}
