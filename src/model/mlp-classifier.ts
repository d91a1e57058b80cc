import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Key } from '../engine/key.js';
import type { RandomKey } from '../engine/random.js';
import { countMatrices, countParameters } from './cost.js';
import { dropout, nthDropout } from './dropout.js';
import { linearSpec } from './encoder-specs.js';
import { linear } from './linear.js';
import type { Linear } from './linear.js';
import { activations } from './mlp.js';
import { parseOptions } from './parse-options.js';
import { drawTree } from './weights.js';
import type { WeightSpec } from './weights.js';

/**
 * The shape of a classifier, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * mlpClassifierOptions.parse({ sizes: [1000, 512, 256, 10], dropout: 0.2 });
 */
export const mlpClassifierOptions = z.strictObject({
  sizes: z
    .array(z.int().positive())
    .min(2, 'at least two: the features of an example and the classes')
    .describe('features of an example, of each hidden layer, and the number of classes'),
  activation: z.enum(['relu', 'gelu', 'geluExact']).default('relu').describe('the function after each hidden layer'),
  dropout: z.number().min(0).lt(1).default(0).describe('share of hidden features left out while training'),
});

export type MlpClassifierOptions = z.input<typeof mlpClassifierOptions>;
export type MlpClassifierConfig = z.output<typeof mlpClassifierOptions>;

/** [inputs, outputs] and [outputs], layer by layer. */
export type MlpClassifierWeights<Leaf = tf.Tensor> = { readonly layers: readonly Linear<Leaf>[] };

/** Linear layers with a function between them: its config, and the functions that follow from it. */
export interface MlpClassifier {
  readonly kind: 'mlpClassifier';
  readonly config: MlpClassifierConfig;
  readonly numParameters: number;
  /** Floating-point operations of a forward pass for one example; training takes three times as many. */
  readonly flopsPerExample: number;
  /** Bytes of activations that a training step keeps for one example, in float32 and about. */
  readonly activationBytes: number;
  /** The shape and first distribution of each weight. */
  readonly specs: MlpClassifierWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): MlpClassifierWeights;
  /** [batch, features] → logits [batch, classes]. With a key, hidden features are left out as the config's `dropout` says. */
  forward(
    weights: MlpClassifierWeights,
    x: tf.Tensor,
    options?: { readonly dropoutKey?: RandomKey | undefined },
  ): tf.Tensor2D;
}

/**
 * logits = f(… f(x W₁ + b₁) …) W_n + b_n with f = max(0, ·): a multilayer perceptron, Rumelhart 1986, "Learning representations by
 * back-propagating errors". Matrices begin as N(0, 2 / inputs), so that the variance stays from layer to layer under ReLU: He 2015
 * (1502.01852); biases as 0.
 *
 * @throws TrainbookError if an option breaks a rule, such as a size that is not positive.
 * @example
 * const architecture = mlpClassifier({ sizes: [1000, 512, 256, 10], dropout: 0.2 });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, x); // [batch, 10]
 */
export function mlpClassifier(options: MlpClassifierOptions): MlpClassifier {
  const config = parseOptions('mlpClassifier', mlpClassifierOptions, options);
  const { sizes } = config;
  const layers = sizes
    .slice(1)
    .map((outputs, index) => linearSpec(sizes[index] as number, outputs, Math.sqrt(2 / (sizes[index] as number))));
  const specs = { layers };
  const numHidden = sizes.slice(1, -1).reduce((sum, size) => sum + size, 0);
  return {
    kind: 'mlpClassifier',
    config,
    numParameters: countParameters(specs),
    flopsPerExample: 2 * countMatrices(specs),
    activationBytes: 4 * ((sizes[0] as number) + 2 * numHidden + 2 * (sizes.at(-1) as number)),
    specs,
    init: (key) => drawTree(specs, key) as unknown as MlpClassifierWeights,
    forward: (weights, x, { dropoutKey } = {}) => {
      const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
      const last = weights.layers.length - 1;
      return weights.layers.reduce((features, layer, index) => {
        const y = linear(layer, features);
        return index === last ? y : dropout(activations[config.activation](y), nthDropout(left, index));
      }, x) as tf.Tensor2D;
    },
  };
}
