import * as tf from '@tensorflow/tfjs';

/**
 * H = log Σⱼ exp zⱼ − Σⱼ pⱼ zⱼ with p = softmax(z), in nats: logits [rows, V] → [rows]. What a policy still leaves open at each token;
 * its fall to 0 is the collapse to watch for (Yu 2025, DAPO, 2503.14476, section 3.1). Its gradient, −p (log p + H), flows: a bonus can
 * be made of it.
 *
 * @example
 * const open = entropies(logits);
 */
export function entropies(logits: tf.Tensor2D): tf.Tensor1D {
  const logProbabilities = tf.logSoftmax(logits);
  return tf.neg(tf.sum<tf.Tensor1D>(tf.mul(tf.exp(logProbabilities), logProbabilities), 1));
}
