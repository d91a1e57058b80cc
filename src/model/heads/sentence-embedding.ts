import * as tf from '@tensorflow/tfjs';
import { meanOfTokens } from './pooling.js';
import type { Pooling } from './pooling.js';

/** Keeps 0 / 0 out. */
const smallestLength = 1e-12;

/**
 * p / ‖p‖ with p = pooling(states): a vector of length 1 for each text, so that the product of two is the cosine of their angle.
 * Reimers and Gurevych 2019, "Sentence-BERT" (1908.10084). It has no weights. On a decoder pool the last token.
 *
 * @param options.mask int32 [batch, time]: 1 for the tokens of the text, 0 for padding.
 * @param options.pooling Default: the mean over the tokens.
 * @example
 * const vectors = sentenceEmbedding(trunk.forward(weights, tokens, { documents: mask }), { mask }); // [batch, width]
 */
export function sentenceEmbedding(
  states: tf.Tensor,
  { mask, pooling = meanOfTokens }: { readonly mask?: tf.Tensor | undefined; readonly pooling?: Pooling } = {},
): tf.Tensor2D {
  const pooled = pooling(states, mask);
  const squares = tf.sum(tf.square(pooled), 1, true);
  return tf.mul<tf.Tensor2D>(pooled, tf.rsqrt(tf.maximum(squares, smallestLength ** 2)));
}
