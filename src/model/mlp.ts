import * as tf from '@tensorflow/tfjs';
import { linear } from './linear.js';

/** A position-wise network: [..., width] → [..., width] by way of [..., hidden]. Its matrices are named as in Hugging Face's Llama. */
export interface Mlp<Weights extends Readonly<Record<string, tf.Tensor>> = Readonly<Record<string, tf.Tensor>>> {
  /** The hidden size where the config names none. */
  hidden(width: number): number;
  /** The shapes of its matrices, [inputs, outputs] each; `down` ends in the residual stream. */
  shapes(width: number, hidden: number): { readonly [Name in keyof Weights]: readonly number[] };
  forward(weights: Weights, x: tf.Tensor): tf.Tensor;
}

/**
 * (silu(x G) · x U) D with silu(z) = z σ(z). Shazeer 2020, "GLU Variants Improve Transformer" (2002.05202).
 * Three matrices of hidden size 8/3 width count as two of 4 width; rounded up to a multiple of 32, which suits vector units.
 */
export const swiglu: Mlp<{ readonly gate: tf.Tensor; readonly up: tf.Tensor; readonly down: tf.Tensor }> = {
  hidden: (width) => Math.ceil((8 * width) / 3 / 32) * 32,
  shapes: (width, hidden) => ({ gate: [width, hidden], up: [width, hidden], down: [hidden, width] }),
  forward: ({ gate, up, down }, x) => linear(down, tf.mul(silu(linear(gate, x)), linear(up, x))),
};

/** gelu(x U) D. Hendrycks and Gimpel 2016, "Gaussian Error Linear Units" (1606.08415); GPT-2's tanh form. */
export const geluMlp: Mlp<{ readonly up: tf.Tensor; readonly down: tf.Tensor }> = {
  hidden: (width) => 4 * width,
  shapes: (width, hidden) => ({ up: [width, hidden], down: [hidden, width] }),
  forward: ({ up, down }, x) => linear(down, gelu(linear(up, x))),
};

/** silu(z) = z σ(z), with silu′ = σ (1 + z (1 − σ)). */
export function silu(z: tf.Tensor): tf.Tensor {
  return pointwise(
    z,
    (x) => tf.mul(x, tf.sigmoid(x)),
    (x) => {
      const gate = tf.sigmoid(x);
      return tf.mul(gate, tf.add(tf.mul(x, tf.sub(1, gate)), 1));
    },
  );
}

/**
 * gelu(z) ≈ ½ z (1 + tanh u), u = √(2/π) (z + 0.044715 z³), with
 * gelu′ = ½ (1 + tanh u) + ½ z (1 − tanh² u) √(2/π) (1 + 3 · 0.044715 z²).
 */
export function gelu(z: tf.Tensor): tf.Tensor {
  const slope = Math.sqrt(2 / Math.PI);
  const cubic = 0.044715;
  const tanhOf = (x: tf.Tensor): tf.Tensor => tf.tanh(tf.mul(tf.mul(x, slope), tf.add(tf.mul(tf.square(x), cubic), 1)));
  return pointwise(
    z,
    (x) => tf.mul(tf.mul(x, 0.5), tf.add(tanhOf(x), 1)),
    (x) => {
      const tanh = tanhOf(x);
      const inner = tf.mul(tf.add(tf.mul(tf.square(x), 3 * cubic), 1), slope);
      const sharpness = tf.mul(tf.mul(x, tf.sub(1, tf.square(tanh))), inner);
      return tf.mul(tf.add(tf.add(tanh, 1), sharpness), 0.5);
    },
  );
}

/** A function of one number applied to each element, with its derivative written out, which keeps only x for the backward pass. */
function pointwise(x: tf.Tensor, fn: (x: tf.Tensor) => tf.Tensor, derivative: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [input, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([input]);
    return {
      value: fn(input),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => [tf.mul(dy, derivative(saved as tf.Tensor))],
    };
  });
  return apply(x);
}
