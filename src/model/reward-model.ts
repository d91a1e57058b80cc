import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Key } from '../engine/key.js';
import type { RandomKey } from '../engine/random.js';
import type { Decoder } from './decoder.js';
import type { EncoderWeights } from './encoder-specs.js';
import type { Encoder } from './encoder.js';
import { poolings } from './heads/pooling.js';
import { sequenceClassification } from './heads/sequence-classification.js';
import type { SequenceClassificationWeights } from './heads/sequence-classification.js';
import { withHeads } from './heads/with-head.js';
import { parseOptions } from './parse-options.js';
import type { DecoderWeights, WeightSpec } from './weights.js';

// Legend: D is the number of dimensions.

const name = z
  .string()
  .min(1)
  .regex(/^[^./]+$/u, 'a dimension has a name without . and /');

/**
 * What is made of a trunk, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * rewardModelOptions.parse({ dimensions: { factuality: 0.5, safety: 0.3, fluency: 0.2 } });
 */
export const rewardModelOptions = z.strictObject({
  dimensions: z
    .union([
      z
        .array(name)
        .min(1)
        .refine((names) => new Set(names).size === names.length, 'two dimensions have one name'),
      z.record(name, z.number()).refine((weights) => Object.keys(weights).length > 0, 'there is no dimension'),
    ])
    .default(['reward'])
    .transform((given) =>
      Array.isArray(given) ? Object.fromEntries(given.map((one) => [one, 1 / given.length])) : given,
    )
    .describe('what answers are judged by: names, or how much each counts in the reward; names count alike'),
  pooling: z
    .enum(Object.keys(poolings) as [keyof typeof poolings])
    .default('lastToken')
    .describe('which hidden state is read: in a decoder only the last token’s has seen the whole text'),
});
export type RewardModelOptions = z.input<typeof rewardModelOptions>;
export type RewardModelConfig = z.output<typeof rewardModelOptions>;

/** Weights of a trunk, and of a head for each dimension. */
export type RewardModelWeights = {
  readonly trunk: DecoderWeights | EncoderWeights;
  readonly heads: Readonly<Record<string, SequenceClassificationWeights>>;
};

/** How texts are read. */
export interface RewardReading {
  /** int32 [batch, time]: 1 for the tokens of a text, 0 for padding, on either side. */
  readonly mask?: tf.Tensor | undefined;
  /** Leaves elements out as the trunk's config says: for training. */
  readonly dropoutKey?: RandomKey | undefined;
  readonly recompute?: boolean | undefined;
}

/** A trunk with a head for each dimension: rewards of texts. */
export interface RewardArchitecture {
  readonly kind: 'reward';
  readonly config: RewardModelConfig;
  readonly trunk: Decoder | Encoder;
  /** The names of the dimensions, in the order of the outputs. */
  readonly dimensions: readonly string[];
  /** Of trunk and heads. */
  readonly numParameters: number;
  /** The shapes and first distributions of one dimension's head. */
  readonly headSpecs: SequenceClassificationWeights<WeightSpec>;
  /** First weights: the same for the same key. */
  init(key: Key): RewardModelWeights;
  /** First weights of the heads alone, for a trunk that has been trained. */
  initHeads(key: Key): RewardModelWeights['heads'];
  /** Tokens, int32 [batch, time] → rewards [batch, D]. */
  forward(weights: RewardModelWeights, inputs: tf.Tensor, reading?: RewardReading): tf.Tensor2D;
}

/** An architecture and weights for it. Neither ever changes: training makes another model. */
export interface RewardModel {
  readonly architecture: RewardArchitecture;
  readonly weights: RewardModelWeights;
}

/**
 * r_d = h W_d + b_d for each dimension d, where h is the hidden state of a text's last token: Stiennon 2020, "Learning to summarize from
 * human feedback" (2009.01325); Ouyang 2022, "InstructGPT" (2203.02155). Several dimensions share the trunk, and their weighed sum
 * Σ w_d r_d is the reward.
 *
 * @throws TrainbookError if an option breaks a rule, such as two dimensions of one name.
 * @example
 * const architecture = rewardModel(decoder(config), { dimensions: { factuality: 0.5, safety: 0.3, fluency: 0.2 } });
 * const rewards = architecture.forward(architecture.init(key(1)), tokens, { mask }); // [batch, 3]
 */
export function rewardModel(trunk: Decoder | Encoder, options: RewardModelOptions = {}): RewardArchitecture {
  const config = parseOptions('rewardModel', rewardModelOptions, options);
  const dimensions = Object.keys(config.dimensions);
  const head = sequenceClassification(trunk, { classes: ['reward'], pooling: poolings[config.pooling], dense: false });
  const headed = withHeads(trunk, Object.fromEntries(dimensions.map((dimension) => [dimension, head])));
  const init = (key: Key): RewardModelWeights => headed.init(key);
  return {
    kind: 'reward',
    config,
    trunk,
    dimensions,
    numParameters: headed.numParameters,
    headSpecs: head.specs as SequenceClassificationWeights<WeightSpec>,
    init,
    initHeads: (key) => {
      const { trunk: drawn, heads } = init(key);
      tf.dispose(drawn as unknown as tf.TensorContainer);
      return heads;
    },
    forward: (weights, inputs, { mask, ...reading } = {}) => {
      const positions = mask && trunk.kind === 'decoder' ? placesInText(mask) : undefined;
      const rewards = headed.forward(weights, inputs, { mask, positions, ...reading });
      return tf.concat2d(
        dimensions.map((dimension) => rewards[dimension] as tf.Tensor2D),
        1,
      );
    },
  };
}

/** The place of each token in its text, from 0 on, wherever padding stands: int32 [batch, time]. */
function placesInText(mask: tf.Tensor): tf.Tensor {
  return tf.maximum(tf.sub(tf.cumsum(tf.cast(mask, 'int32'), 1), tf.scalar(1, 'int32')), tf.scalar(0, 'int32'));
}

/**
 * Σ w_d r_d: one reward of those of the dimensions, as the config weighs them.
 *
 * @example
 * weighedReward(architecture, [0.2, -1, 0.5]);
 */
export function weighedReward({ config, dimensions }: RewardArchitecture, rewards: ArrayLike<number>): number {
  return dimensions.reduce((sum, name, place) => sum + (config.dimensions[name] ?? 0) * (rewards[place] ?? NaN), 0);
}
