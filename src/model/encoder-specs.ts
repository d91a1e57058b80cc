import type * as tf from '@tensorflow/tfjs';
import type { BlockParts, BlockWeights } from './block.js';
import type { EncoderConfig } from './encoder-options.js';
import type { Linear } from './linear.js';
import type { Mlp } from './mlp.js';
import type { NormWeights } from './norm.js';
import { WeightSpec } from './weights.js';

/** An encoder's weights; `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type EncoderWeights<Leaf = tf.Tensor> = {
  readonly embedding: Leaf; // [vocabulary, width]
  readonly positions: Leaf; // [firstPosition + context, width]
  readonly types?: Leaf; // [types, width]
  readonly embeddingNorm: NormWeights<Leaf>; // [width]
  readonly layers: readonly BlockWeights<Leaf>[];
};

/** A linear layer that begins as N(0, deviation²), its bias 0. */
export function linearSpec(inputs: number, outputs: number, deviation: number): Linear<WeightSpec> {
  return { weight: new WeightSpec([inputs, outputs], deviation), bias: new WeightSpec([outputs], 'zeros') };
}

/** A LayerNorm that begins as gain 1, bias 0. */
export function layerNormSpec(width: number): NormWeights<WeightSpec> {
  return { weight: new WeightSpec([width], 'ones'), bias: new WeightSpec([width], 'zeros') };
}

/** A block's weights with a bias everywhere: matrices from N(0, deviation²), gains 1, biases 0. */
export function blockSpecs(
  mlp: Mlp,
  { width, hidden, deviation }: { readonly width: number; readonly hidden: number; readonly deviation: number },
): BlockWeights<WeightSpec> {
  const square = linearSpec(width, width, deviation);
  return {
    attention: { query: square, key: square, value: square, output: square },
    attentionNorm: layerNormSpec(width),
    mlp: Object.fromEntries(
      Object.entries(mlp.shapes(width, hidden)).map(([name, [inputs, outputs]]) => [
        name,
        linearSpec(inputs, outputs, deviation),
      ]),
    ),
    mlpNorm: layerNormSpec(width),
  };
}

/** The shape and first distribution of each weight: tables and matrices from N(0, deviation²), gains 1, biases 0, as in BERT. */
export function encoderSpecs(config: EncoderConfig, { mlp }: BlockParts): EncoderWeights<WeightSpec> {
  const { width, layers, vocabularySize, types, context, firstPosition, hidden, initDeviation } = config;
  const table = (rows: number): WeightSpec => new WeightSpec([rows, width], initDeviation);
  const layer = blockSpecs(mlp, { width, hidden, deviation: initDeviation });
  return {
    embedding: table(vocabularySize),
    positions: table(firstPosition + context),
    ...(types > 0 ? { types: table(types) } : {}),
    embeddingNorm: layerNormSpec(width),
    layers: Array.from({ length: layers }, () => layer),
  };
}
