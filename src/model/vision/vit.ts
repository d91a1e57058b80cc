import * as tf from '@tensorflow/tfjs';
import { remat } from '../../engine/remat.js';
import { plainAttention } from '../attention.js';
import type { BlockContext, BlockParts, BlockWeights } from '../block.js';
import { preNormBlock, withMlp } from '../block.js';
import { countParameters } from '../cost.js';
import { dropout, nthDropout } from '../dropout.js';
import { blockSpecs, layerNormSpec } from '../encoder-specs.js';
import type { Linear } from '../linear.js';
import { maskedMixing } from '../mixing.js';
import { mlps } from '../mlp.js';
import { layerNorm } from '../norm.js';
import type { NormWeights } from '../norm.js';
import { drawTree, WeightSpec } from '../weights.js';
import { blockActivations, blockFlops, depthRate } from './image-block.js';
import { checkImages, embedPatches, patchesSpec, patchGrid } from './patches.js';
import type { ImageTrunk } from './token-encoder.js';
import { vitConfig } from './vit-options.js';
import type { ViTConfig, ViTOptions } from './vit-options.js';

/** A Vision Transformer's weights; `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type ViTWeights<Leaf = tf.Tensor> = {
  readonly classToken: Leaf; // [1, 1, width]
  readonly patches: Linear<Leaf>; // [patch, patch, channels, width]
  readonly positions: Leaf; // [1, 1 + patches, width], the class token's first
  readonly layers: readonly BlockWeights<Leaf>[];
  readonly norm: NormWeights<Leaf>; // [width]
};

/** A Vision Transformer without a head: its config, and the functions that follow from it. */
export interface ViT extends ImageTrunk<ViTWeights> {
  readonly kind: 'vit';
  readonly config: ViTConfig;
  readonly specs: ViTWeights<WeightSpec>;
}

/** Sizes that were published: "base" has 86 million parameters, "large" 304, "huge" 632; "tiny" and "small" are of Touvron 2020 (2012.12877). */
export const vitSizes = {
  tiny: { layers: 12, width: 192, heads: 3 },
  small: { layers: 12, width: 384, heads: 6 },
  base: { layers: 12, width: 768, heads: 12 },
  large: { layers: 24, width: 1024, heads: 16 },
  huge: { layers: 32, width: 1280, heads: 16 },
} as const;

/**
 * z₀ = [x_class; x₁E; …; x_N E] + E_pos, zᵢ = blockᵢ(zᵢ₋₁) with norms before, y = norm(z_L): patches of an image are read as if they were
 * words. The class token, which is of no patch, gathers what a classifier reads: y₀.
 * Dosovitskiy 2020, "An Image is Worth 16x16 Words" (2010.11929), equations 1 to 4.
 *
 * @throws TrainbookError if the options break a rule, such as patches that do not cover the image.
 * @example
 * const trunk = vit({ image: [28, 28], channels: 1, patch: 4, layers: 6, width: 96, heads: 4 });
 * const tokens = trunk.encode(trunk.init(key(42)), images); // [batch, 28, 28, 1] → [batch, 1 + 49, 96]
 */
export function vit(options: ViTOptions): ViT {
  const config = vitConfig(options);
  const { width, heads, layers } = config;
  const [rows, columns] = patchGrid(config);
  const numTokens = 1 + rows * columns;
  const norm = layerNorm(config.normEpsilon);
  const parts: BlockParts = {
    heads: { heads, keyValueHeads: heads, headSize: width / heads, norm },
    norm,
    mlp: mlps[config.mlp],
  };
  const specs = vitSpecs(config, numTokens);
  const sizes = { width, hidden: config.hidden, heads, tokens: numTokens, keys: numTokens };
  return {
    kind: 'vit',
    config,
    specs,
    inputShape: [...config.image, config.channels],
    grid: [rows, columns],
    numTokens,
    width,
    numParameters: countParameters(specs),
    flopsPerInput: 2 * rows * columns * config.patch ** 2 * config.channels * width + layers * blockFlops(sizes),
    activationBytes: layers * blockActivations(sizes) + 4 * 2 * numTokens * width,
    init: (key) => drawTree(specs, key) as unknown as ViTWeights,
    pool: (tokens) => tf.squeeze(tf.slice(tokens, [0, 0, 0], [-1, 1, -1]), [1]),
    encode: (weights, images, { dropoutKey, recompute = false, observe, attention } = {}) => {
      checkImages('vit', images, config);
      const [batch = 0] = images.shape;
      const elements = dropoutKey && { rate: config.dropout, key: dropoutKey };
      const classToken = tf.tile(weights.classToken, [batch, 1, 1]);
      const placed = tf.add(tf.concat([classToken, embedPatches(weights.patches, images)], 1), weights.positions);
      let tokens = dropout(placed, nthDropout(elements, 0)) as tf.Tensor3D;
      tokens = observe?.(0, tokens) ?? tokens;
      weights.layers.forEach((block, layer) => {
        const own = nthDropout(elements, layer + 1);
        const context: BlockContext = {
          dropout: nthDropout(own, 0),
          depth: dropoutKey && depthRate(config.dropPath, layer, layers, dropoutKey, batch),
          attention: plainAttention(attention?.(layer) ?? maskedMixing(undefined), nthDropout(own, 1)),
        };
        const run = (weights: BlockWeights, x: tf.Tensor): tf.Tensor =>
          preNormBlock(withMlp(parts), weights, x, context).states;
        tokens = (recompute ? remat(run) : run)(block, tokens) as tf.Tensor3D;
        tokens = observe?.(layer + 1, tokens) ?? tokens;
      });
      return norm(weights.norm, tokens) as tf.Tensor3D;
    },
  };
}

/** The shape and first distribution of each weight: all from N(0, deviation²), the class token too; gains 1, biases 0. */
function vitSpecs(config: ViTConfig, numTokens: number): ViTWeights<WeightSpec> {
  const { width, layers, hidden, initDeviation: deviation } = config;
  const layer = blockSpecs(mlps[config.mlp], { width, hidden, deviation });
  return {
    classToken: new WeightSpec([1, 1, width], deviation),
    patches: patchesSpec(config, width, deviation),
    positions: new WeightSpec([1, numTokens, width], deviation),
    layers: Array.from({ length: layers }, () => layer),
    norm: layerNormSpec(width),
  };
}
