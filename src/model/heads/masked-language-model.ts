import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { tiedOutput } from '../embedding.js';
import { layerNormSpec, linearSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { activations } from '../mlp.js';
import { layerNorm } from '../norm.js';
import type { NormWeights } from '../norm.js';
import { parseOptions } from '../parse-options.js';
import { WeightSpec } from '../weights.js';
import { headOf } from './head.js';
import type { Head, HeadReading, Trunk } from './head.js';

export const maskedLanguageModelOptions = z.strictObject({
  activation: z.enum(['geluExact', 'gelu', 'relu']).default('geluExact').describe('the function after the first layer'),
});

export type MaskedLanguageModelWeights<Leaf = tf.Tensor> = {
  readonly dense: Linear<Leaf>; // [width, width]
  readonly norm: NormWeights<Leaf>; // [width]
  readonly bias: Leaf; // [vocabulary]
};

/** Which token stands at a place: logits over the vocabulary. */
export interface MaskedLanguageModel extends Head<MaskedLanguageModelWeights> {
  readonly config: z.output<typeof maskedLanguageModelOptions>;
  /** [..., width] → [..., vocabulary]; `embedding` is the trunk's table, which is read backwards. */
  forward(weights: MaskedLanguageModelWeights, states: tf.Tensor, reading: Pick<HeadReading, 'embedding'>): tf.Tensor;
}

/**
 * norm(gelu(x W + c)) Eᵀ + b, where E is the trunk's embedding: the head of BERT (1810.04805) and RoBERTa (1907.11692) in
 * pre-training.
 *
 * @throws TrainbookError if an option breaks a rule.
 * @example
 * const head = maskedLanguageModel(trunk);
 * const logits = head.forward(weights.head, trunk.forward(weights.trunk, inputs), weights.trunk);
 */
export function maskedLanguageModel(
  trunk: Trunk & { readonly config: { readonly vocabularySize: number; readonly normEpsilon: number } },
  options: z.input<typeof maskedLanguageModelOptions> = {},
): MaskedLanguageModel {
  const { width, initDeviation, vocabularySize, normEpsilon } = trunk.config;
  const config = parseOptions('maskedLanguageModel', maskedLanguageModelOptions, options);
  const head = headOf<MaskedLanguageModelWeights>({
    dense: linearSpec(width, width, initDeviation),
    norm: layerNormSpec(width),
    bias: new WeightSpec([vocabularySize], 'zeros'),
  });
  const norm = layerNorm(normEpsilon);
  return {
    ...head,
    flops: head.flops + 2 * width * vocabularySize,
    config,
    forward: (weights, states, { embedding }) => {
      const x = norm(weights.norm, activations[config.activation](linear(weights.dense, states)));
      return tf.add(tiedOutput.logits({}, embedding, x), weights.bias);
    },
  };
}
