import * as tf from '@tensorflow/tfjs';
import { remat } from '../../engine/remat.js';
import { preNormBlock, withMlp } from '../block.js';
import { plainAttention } from '../attention.js';
import type { BlockContext, BlockParts, BlockWeights } from '../block.js';
import { countParameters } from '../cost.js';
import { dropout, nthDropout } from '../dropout.js';
import { blockSpecs, layerNormSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { mlps } from '../mlp.js';
import { layerNorm } from '../norm.js';
import type { Norm, NormWeights } from '../norm.js';
import { drawTree, WeightSpec } from '../weights.js';
import { blockActivations, blockFlops, depthRate } from './image-block.js';
import type { BlockSizes } from './image-block.js';
import { checkImages, embedPatches, patchReach, patchesSpec } from './patches.js';
import { swinConfig, swinStages } from './swin-options.js';
import type { SwinConfig, SwinOptions, SwinStage } from './swin-options.js';
import type { ImageTrunk } from './token-encoder.js';
import { fromWindows, relativeBias, shiftMask, toWindows, windowMixing } from './windows.js';
import type { Windows } from './windows.js';

/** A block's weights, and the bias of each distance within a window. */
export type SwinBlockWeights<Leaf = tf.Tensor> = BlockWeights<Leaf> & {
  readonly relativeBias: Leaf; // [(2 window − 1)², heads]
};

/** What brings four neighbours together. */
export type PatchMerging<Leaf = tf.Tensor> = {
  readonly norm: NormWeights<Leaf>; // [4 width]
  readonly reduction: Linear<Leaf>; // [4 width, 2 width], no bias
};

/** A Swin Transformer's weights; `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type SwinWeights<Leaf = tf.Tensor> = {
  readonly patches: Linear<Leaf>; // [K, K, channels, width], K = patch + 2 overlap
  readonly patchNorm: NormWeights<Leaf>; // [width]
  readonly stages: readonly {
    readonly blocks: readonly SwinBlockWeights<Leaf>[];
    readonly merging?: PatchMerging<Leaf>; // all stages but the last
  }[];
  readonly norm: NormWeights<Leaf>; // [width of the last stage]
};

/** A Swin Transformer without a head: its config, and the functions that follow from it. */
export interface Swin extends ImageTrunk<SwinWeights> {
  readonly kind: 'swin';
  readonly config: SwinConfig;
  readonly specs: SwinWeights<WeightSpec>;
  readonly stages: readonly SwinStage[];
  /** Where the windows of each block lie, block after block. */
  readonly windows: readonly Windows[];
}

/** Sizes that were published, for images of 224 × 224 in patches of 4 and windows of 7: 28, 50, 88 and 197 million parameters. */
export const swinSizes = {
  tiny: { width: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24] },
  small: { width: 96, depths: [2, 2, 18, 2], heads: [3, 6, 12, 24] },
  base: { width: 128, depths: [2, 2, 18, 2], heads: [4, 8, 16, 32] },
  large: { width: 192, depths: [2, 2, 18, 2], heads: [6, 12, 24, 48] },
};

/**
 * Attention within windows, which every second block shifts by half a window so that neighbours meet; between stages four neighbours
 * become one token of twice the width:
 *
 *   z₀ = norm(x E); ẑ = z + attention(norm z) in windows; z = ẑ + mlp(norm ẑ); the same in shifted windows; …
 *   attention = softmax(Q Kᵀ / √d + B) V, B a bias for each distance within a window
 *
 * Its cost grows with the number of tokens, not with the square of it. Liu 2021, "Swin Transformer: Hierarchical Vision Transformer using
 * Shifted Windows" (2103.14030), equations 3 and 4.
 *
 * With `overlap` a token sees pixels of its neighbours from the start, as in Wang 2021, "PVT v2" (2106.13797): a model that has few images to
 * learn from need not learn that they go on beyond a patch.
 *
 * @throws TrainbookError if the options break a rule, such as a stage that is not whole windows.
 * @example
 * const trunk = swin({ image: [28, 28], channels: 1, patch: 2, depths: [2, 4], heads: [3, 6], width: 48, window: 7 });
 * const tokens = trunk.encode(trunk.init(key(42)), images); // [batch, 28, 28, 1] → [batch, 49, 96]
 */
export function swin(options: SwinOptions): Swin {
  const config = swinConfig(options);
  const stages = swinStages(config);
  const norm = layerNorm(config.normEpsilon);
  const betweenNorm = layerNorm(betweenEpsilon);
  const mlp = mlps[config.mlp];
  const { grid, width } = stages.at(-1) as SwinStage;
  const specs = swinSpecs(config, stages);
  const parts = stages.map(({ heads, width: own }): BlockParts => {
    return { heads: { heads, keyValueHeads: heads, headSize: own / heads, norm }, norm, mlp };
  });
  const windows = stages.map((stage) => Array.from({ length: stage.depth }, (_, block) => windowsOf(stage, block)));
  const numBlocks = windows.flat().length;
  return {
    kind: 'swin',
    config,
    specs,
    stages,
    windows: windows.flat(),
    inputShape: [...config.image, config.channels],
    grid,
    numTokens: grid[0] * grid[1],
    width,
    numParameters: countParameters(specs),
    flopsPerInput: swinFlops(config, stages),
    activationBytes: stages.reduce((sum, stage) => sum + stage.depth * blockActivations(sizesOf(stage)), 0),
    init: (key) => drawTree(specs, key) as unknown as SwinWeights,
    pool: (tokens) => tf.mean(tokens, 1),
    encode: (weights, images, { dropoutKey, recompute = false, observe, attention } = {}) => {
      checkImages('swin', images, config);
      const [batch = 0] = images.shape;
      const elements = dropoutKey && { rate: config.dropout, key: dropoutKey };
      let tokens: tf.Tensor = betweenNorm(weights.patchNorm, embedPatches(weights.patches, images, config.overlap));
      tokens = dropout(tokens, nthDropout(elements, 0));
      tokens = observe?.(0, tokens as tf.Tensor3D) ?? tokens;
      let index = 0;
      weights.stages.forEach(({ blocks, merging }, stage) => {
        blocks.forEach((block, layer) => {
          const at = windows[stage]?.[layer] as Windows;
          const own = nthDropout(elements, index + 1);
          const depth = dropoutKey && depthRate(config.dropPath, index, numBlocks, dropoutKey, batch);
          const number = index++;
          const run = (weights: SwinBlockWeights, x: tf.Tensor): tf.Tensor => {
            const bias = biasOf(weights, at);
            const mix = attention?.(number, bias) ?? windowMixing(bias);
            const context: BlockContext = {
              dropout: nthDropout(own, 0),
              depth,
              attention: plainAttention(mix, nthDropout(own, 1)),
            };
            // Norms and MLP see each token by itself: the whole block may run window by window.
            const whole = withMlp(parts[stage] as BlockParts);
            return fromWindows(preNormBlock(whole, weights, toWindows(x, at), context).states, at);
          };
          tokens = (recompute ? remat(run) : run)(block, tokens);
          tokens = observe?.(number + 1, tokens as tf.Tensor3D) ?? tokens;
        });
        if (merging !== undefined)
          tokens = mergePatches(betweenNorm, merging, tokens, (stages[stage] as SwinStage).grid);
      });
      return norm(weights.norm, tokens) as tf.Tensor3D;
    },
  };
}

/** ε of the norms that are in no block, of patches and before merging: fixed in transformers, whatever the config says of the others. */
const betweenEpsilon = 1e-5;

/** Every second block is shifted by half a window, unless one window holds the whole grid. */
function windowsOf({ grid, window }: SwinStage, block: number): Windows {
  const whole = Math.min(...grid) <= window;
  return { grid, window, shift: whole || block % 2 === 0 ? 0 : Math.floor(window / 2) };
}

/** What is added to the scores of a block: biases of distances, and the mask of shifted windows. [windows or 1, heads, M², M²] */
function biasOf({ relativeBias: table }: SwinBlockWeights, windows: Windows): tf.Tensor {
  const bias = relativeBias(table, windows.window);
  const mask = shiftMask(windows);
  return mask === undefined ? bias : tf.add(bias, mask);
}

/** norm([x₀₀; x₁₀; x₀₁; x₁₁]) W, of each four neighbours: [batch, rows × columns, width] → [batch, rows × columns / 4, 2 width] */
function mergePatches(
  norm: Norm,
  { norm: gains, reduction }: PatchMerging,
  x: tf.Tensor,
  [rows, columns]: readonly [number, number],
): tf.Tensor {
  const [batch, , width] = x.shape as [number, number, number];
  const fours = tf.reshape(x, [batch, rows / 2, 2, columns / 2, 2, width]);
  const together = tf.transpose(fours, [0, 1, 3, 4, 2, 5]); // the right neighbours after the lower ones
  return linear(reduction, norm(gains, tf.reshape(together, [batch, (rows / 2) * (columns / 2), 4 * width])));
}

/** The shape and first distribution of each weight: matrices and biases of distances from N(0, deviation²), gains 1, biases 0. */
function swinSpecs(config: SwinConfig, stages: readonly SwinStage[]): SwinWeights<WeightSpec> {
  const { initDeviation: deviation, width } = config;
  return {
    patches: patchesSpec(config, width, deviation),
    patchNorm: layerNormSpec(width),
    stages: stages.map(({ depth, heads, width: own, hidden, window }, stage) => {
      const relativeBias = new WeightSpec([(2 * window - 1) ** 2, heads], deviation);
      const block = { ...blockSpecs(mlps[config.mlp], { width: own, hidden, deviation }), relativeBias };
      const reduction = { weight: new WeightSpec([4 * own, 2 * own], deviation) };
      return {
        blocks: Array.from({ length: depth }, () => block),
        ...(stage < stages.length - 1 && { merging: { norm: layerNormSpec(4 * own), reduction } }),
      };
    }),
    norm: layerNormSpec((stages.at(-1) as SwinStage).width),
  };
}

function sizesOf({ width, hidden, heads, window, grid: [rows, columns] }: SwinStage): BlockSizes {
  return { width, hidden, heads, tokens: rows * columns, keys: window ** 2 };
}

function swinFlops(config: SwinConfig, stages: readonly SwinStage[]): number {
  return stages.reduce(
    (sum, stage, index) => {
      const sizes = sizesOf(stage);
      const merging = index < stages.length - 1 ? 2 * (sizes.tokens / 4) * 8 * stage.width ** 2 : 0;
      return sum + stage.depth * blockFlops(sizes) + merging;
    },
    2 * sizesOf(stages[0] as SwinStage).tokens * patchReach(config) ** 2 * config.channels * config.width,
  );
}
