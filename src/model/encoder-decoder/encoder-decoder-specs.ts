import type * as tf from '@tensorflow/tfjs';
import type { AttentionWeights } from '../attention.js';
import type { BlockParts, BlockWeights } from '../block.js';
import type { CrossBlockWeights } from './cross-block.js';
import type { Output } from '../embedding.js';
import type { EncoderDecoderConfig } from './encoder-decoder-options.js';
import type { Linear } from '../linear.js';
import type { NormWeights } from '../norm.js';
import { WeightSpec } from '../weights.js';

/** Blocks, the bias that they share, and the norm after them. */
export type StackWeights<Block, Leaf> = {
  /** What is added to the scores of each head, by the bucket of the offset. */
  readonly relative: Leaf; // [buckets, heads]
  readonly layers: readonly Block[];
  readonly norm: NormWeights<Leaf>; // [width]
};

/** An encoder–decoder's weights; `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type EncoderDecoderWeights<Leaf = tf.Tensor> = {
  readonly embedding: Leaf; // [vocabulary, width]
  readonly encoder: StackWeights<BlockWeights<Leaf>, Leaf>;
  readonly decoder: StackWeights<CrossBlockWeights<Leaf>, Leaf>;
  readonly output: Readonly<Record<string, Leaf>>;
};

/** A config's parts, chosen once. */
export interface EncoderDecoderParts extends BlockParts {
  readonly output: Output;
}

/**
 * The shape and first distribution of each weight: N(0, f² / inputs) for matrices, so that x W is about as large as x, and N(0, f²)
 * for tables of tokens, f being the factor. Queries are drawn smaller by √headSize, since their products with keys are not divided by it:
 * Raffel 2019, and Shazeer and Stern 2018 (1804.04235), section 4. There are no biases.
 */
export function encoderDecoderSpecs(
  config: EncoderDecoderConfig,
  { mlp, output }: EncoderDecoderParts,
): EncoderDecoderWeights<WeightSpec> {
  const { width, layers, decoderLayers, heads, headSize, hidden, buckets, vocabularySize, initFactor } = config;
  const matrix = (inputs: number, outputs: number, smaller = 1): Linear<WeightSpec> => ({
    weight: new WeightSpec([inputs, outputs], initFactor / Math.sqrt(inputs * smaller)),
  });
  const gain = (): NormWeights<WeightSpec> => ({ weight: new WeightSpec([width], 'ones') });
  const attention = (): AttentionWeights<WeightSpec> => ({
    query: matrix(width, heads * headSize, headSize),
    key: matrix(width, heads * headSize),
    value: matrix(width, heads * headSize),
    output: matrix(heads * headSize, width),
  });
  const own = { attentionNorm: gain(), attention: attention() };
  const network = {
    mlpNorm: gain(),
    mlp: Object.fromEntries(
      Object.entries(mlp.shapes(width, hidden)).map(([name, [inputs, outputs]]) => [name, matrix(inputs, outputs)]),
    ),
  };
  const stack = <Block>(block: Block, count: number): StackWeights<Block, WeightSpec> => ({
    relative: new WeightSpec([buckets, heads], initFactor / Math.sqrt(width)),
    layers: Array.from({ length: count }, () => block),
    norm: gain(),
  });
  return {
    embedding: new WeightSpec([vocabularySize, width], initFactor),
    encoder: stack({ ...own, ...network }, layers),
    decoder: stack({ ...own, crossNorm: gain(), cross: attention(), ...network }, decoderLayers),
    output: Object.fromEntries(
      Object.entries(output.shapes(vocabularySize, width)).map(([name, shape]) => [
        name,
        new WeightSpec(shape, initFactor),
      ]),
    ),
  };
}
