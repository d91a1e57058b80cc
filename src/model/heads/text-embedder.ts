import type * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import { meanOfTokens } from './pooling.js';
import type { Pooling } from './pooling.js';
import { sentenceEmbedding } from './sentence-embedding.js';
import { statesOf } from './with-head.js';
import type { AnyTrunk, HeadedOptions } from './with-head.js';

/** A trunk as what gives a vector for each text. Its weights are the trunk's. */
export interface TextEmbedder<Weights> {
  readonly trunk: AnyTrunk;
  readonly numParameters: number;
  init(key: Key): Weights;
  /** Tokens, int32 [batch, time] → vectors of length 1, [batch, width]. */
  forward(weights: Weights, inputs: tf.Tensor, options?: HeadedOptions): tf.Tensor2D;
}

/**
 * sentenceEmbedding(trunk(tokens)) as an architecture of its own, with the weights of the trunk: what `contrastive` trains. Reimers and
 * Gurevych 2019, "Sentence-BERT" (1908.10084). On a decoder pool the last token.
 *
 * @example
 * const { architecture: trunk, weights } = await loadEncoder('models/all-MiniLM-L6-v2');
 * const vectors = textEmbedder(trunk).forward(weights, tokens, { mask }); // [batch, 384]
 */
export function textEmbedder<T extends AnyTrunk>(
  trunk: T,
  { pooling = meanOfTokens }: { readonly pooling?: Pooling } = {},
): TextEmbedder<ReturnType<T['init']>> {
  return {
    trunk,
    numParameters: trunk.numParameters,
    init: (key) => trunk.init(key) as ReturnType<T['init']>,
    forward: (weights, inputs, options = {}) =>
      sentenceEmbedding(statesOf(trunk, weights, inputs, options), { mask: options.mask, pooling }),
  };
}
