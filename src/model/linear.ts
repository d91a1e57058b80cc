import * as tf from '@tensorflow/tfjs';

// Legend: `...` stands for any leading axes.

/**
 * x W: the last axis of x times a matrix, no bias.
 *
 * Matrices lie as [inputs, outputs], so that neither the product nor its gradients ask for a transposed operand of the large
 * side; Hugging Face keeps [outputs, inputs], and `names.ts` turns them when weights are saved or read. The leading axes are
 * joined into one for the product: one large matrix product is faster than a batch of small ones.
 *
 * @example
 * linear(weight, x); // [width, hidden], [batch, time, width] → [batch, time, hidden]
 */
export function linear(weight: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const [inputs, outputs] = weight.shape as [number, number];
  const rows = tf.reshape(x, [-1, inputs]); // [rows, inputs]
  return tf.reshape(tf.matMul(rows, weight as tf.Tensor2D), [...x.shape.slice(0, -1), outputs]); // [..., outputs]
}

/**
 * x W for several matrices with the same inputs, as one product with the matrices side by side: x is read once, and the gradient
 * of x is one product in place of several and their sum.
 *
 * @example
 * const [q, k, v] = linears([query, key, value], x);
 */
export function linears<const Weights extends readonly tf.Tensor[]>(
  weights: Weights,
  x: tf.Tensor,
): { readonly [Index in keyof Weights]: tf.Tensor } {
  const sizes = weights.map((weight) => weight.shape[1] as number);
  const joined = linear(tf.concat([...weights], 1), x);
  return tf.split(joined, sizes, -1) as { [Index in keyof Weights]: tf.Tensor };
}
