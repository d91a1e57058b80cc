import type * as tf from '@tensorflow/tfjs';
import type { Decoded, DecodeOptions, Decoder } from './decoder.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { Lora, LoraWeights } from './lora.js';
import type { Model } from './model.js';
import type { DecoderWeights } from './weights.js';

/** What writes answers: a decoder, or an adapter beside one, as a function of the weights that are trained. */
export interface Policy<Weights> {
  /** The decoder whose sizes count: its context, its vocabulary, the shape of its cache. */
  readonly architecture: Decoder;
  /** As `Decoder.decode`. */
  decode(
    weights: Weights,
    tokens: tf.Tensor,
    row: tf.Scalar,
    cache: KeyValueCache,
    starts?: tf.Tensor,
    options?: DecodeOptions,
  ): Decoded;
}

/**
 * A decoder with weights of its own.
 *
 * @example
 * const policy = decoderPolicy(model.architecture);
 */
export function decoderPolicy(architecture: Decoder): Policy<DecoderWeights> {
  return { architecture, decode: (...given) => architecture.decode(...given) };
}

/**
 * A model with a LoRA adapter: the adapter's weights are given at each call, the model's own stay.
 *
 * @example
 * const policy = loraPolicy(model, lora({ rank: 8, targets: 'all-linear' }));
 */
export function loraPolicy({ architecture, weights }: Model, method: Lora): Policy<LoraWeights> {
  return {
    architecture,
    decode: (adapter, ...given) => architecture.decode(method.apply(weights, adapter), ...given),
  };
}
