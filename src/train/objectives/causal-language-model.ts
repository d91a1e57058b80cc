import * as tf from '@tensorflow/tfjs';
import type { ForwardOptions } from '../../model/decoder.js';
import type { Batch } from '../../tokens/loader.js';
import { tokenLosses } from '../cross-entropy.js';
import type { Loss } from '../loss.js';
import { tokenTensors } from '../token-tensors.js';

/**
 * What can be trained to predict tokens: logits [batch, time, vocabulary] of weights that are a tree of tensors. A decoder is one; so
 * is an adapter beside a model, and an encoder with its masked-language-model head.
 */
export interface TokenPredictor<Weights> {
  forward(weights: Weights, inputs: tf.Tensor, options?: ForwardOptions): tf.Tensor;
}

/**
 * −log softmax(z)[y] of each next token y that counts, in nats; z [batch, time, vocabulary] are the logits.
 *
 * @example
 * await train(model, { objective: causalLanguageModel(), data: (options) => loader(packed, options), … });
 */
export function causalLanguageModel(): <Weights>(model: TokenPredictor<Weights>) => Loss<Weights, Batch> {
  return (model) => ({
    shares: { loss: 1 },
    unit: 'tokens',
    size: ({ batchSize, context }) => batchSize * context,
    tensors: tokenTensors,
    counts: ({ weights }) => ({ loss: tf.sum<tf.Scalar>(weights as tf.Tensor) }),
    sums: (weights, batch, computing = {}) => {
      const { inputs, targets, weights: counted, documents, positions } = batch as ReturnType<typeof tokenTensors>;
      const logits = model.forward(weights, inputs, { documents, positions, ...computing });
      const losses = tokenLosses(tf.reshape(logits, [-1, logits.shape.at(-1) ?? 0]), tf.reshape(targets, [-1]));
      return { loss: tf.sum<tf.Scalar>(tf.mul(losses, tf.reshape(counted, [-1]))) };
    },
  });
}
