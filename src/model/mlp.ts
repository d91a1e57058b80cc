import * as tf from '@tensorflow/tfjs';
import { dropout } from './dropout.js';
import type { Dropout } from './dropout.js';
import { linear, linears } from './linear.js';
import type { Linear } from './linear.js';

/** A position-wise network: [..., width] → [..., width] by way of [..., hidden]. Its matrices are named as in Hugging Face's Llama. */
export interface Mlp<Name extends string = string> {
  /** The hidden size where the config names none. */
  hidden(width: number): number;
  /** The shapes of its matrices, [inputs, outputs] each; `down` ends in the residual stream. */
  shapes(width: number, hidden: number): Readonly<Record<Name, readonly [number, number]>>;
  /** With dropout, hidden elements are left out before the last matrix. */
  forward(weights: Readonly<Record<Name, Linear>>, x: tf.Tensor, left?: Dropout): tf.Tensor;
}

/**
 * (silu(x G) · x U) D with silu(z) = z σ(z). Shazeer 2020, "GLU Variants Improve Transformer" (2002.05202).
 * Three matrices of hidden size 8/3 width count as two of 4 width; rounded up to a multiple of 32, which suits vector units.
 */
export const swiglu = gatedMlp(gated);

/** (g(x G) · x U) D with a product g · u of a function of one and the other. */
function gatedMlp(product: (gate: tf.Tensor, up: tf.Tensor) => tf.Tensor): Mlp<'gate' | 'up' | 'down'> {
  return {
    hidden: (width) => Math.ceil((8 * width) / 3 / 32) * 32,
    shapes: (width, hidden) => ({ gate: [width, hidden], up: [width, hidden], down: [hidden, width] }),
    forward: ({ gate, up, down }, x, left) => {
      const [opening, values] = linears([gate, up], x);
      return linear(down, dropout(product(opening, values), left));
    },
  };
}

/** f(x U) D with a function f of each element. */
function plainMlp(activation: (x: tf.Tensor) => tf.Tensor): Mlp<'up' | 'down'> {
  return {
    hidden: (width) => 4 * width,
    shapes: (width, hidden) => ({ up: [width, hidden], down: [hidden, width] }),
    forward: ({ up, down }, x, left) => linear(down, dropout(activation(linear(up, x)), left)),
  };
}

/*
 * The functions below are applied to each element, with their derivatives written out, which keep only the inputs for the backward
 * pass. They hold one function in two forms, σ(z) = ½ (1 + tanh ½z), one in each direction: with one form for both a compiler
 * finds the two equal and keeps its values, the largest tensors of a step, from the forward pass to the backward one.
 */

/** σ(z), for backward passes. */
function sigmoidByTanh(z: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(tf.tanh(tf.mul(z, 0.5)), 0.5), 0.5);
}

/** silu(g) · u with silu(g) = g σ(g): ∂g = dy · u · silu′(g) and ∂u = dy · silu(g). */
export function gated(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return pointwise(
    [gate, up],
    (g, u) => tf.mul(tf.mul(g, tf.sigmoid(g)), u),
    (dy, g, u) => {
      const opening = sigmoidByTanh(g);
      return [tf.mul(tf.mul(dy, u), siluSlope(g, opening)), tf.mul(dy, tf.mul(g, opening))];
    },
  );
}

/** silu′(z) = σ (1 + z (1 − σ)) */
function siluSlope(z: tf.Tensor, sigmoid: tf.Tensor): tf.Tensor {
  return tf.mul(sigmoid, tf.add(tf.mul(z, tf.sub(1, sigmoid)), 1));
}

/**
 * gelu(z) ≈ ½ z (1 + tanh u) = z σ(2u), u = √(2/π) (z + 0.044715 z³), with
 * gelu′ = σ + z σ (1 − σ) 2u′, u′ = √(2/π) (1 + 3 · 0.044715 z²).
 */
export function gelu(z: tf.Tensor): tf.Tensor {
  return pointwise(
    [z],
    (x) => tf.mul(x, tf.sigmoid(geluInner(x))),
    (dy, x) => [tf.mul(dy, geluSlope(x, sigmoidByTanh(geluInner(x))))],
  );
}

/** gelu(g) · u: ∂g = dy · u · gelu′(g) and ∂u = dy · gelu(g). */
export function gatedByGelu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return pointwise(
    [gate, up],
    (g, u) => tf.mul(tf.mul(g, tf.sigmoid(geluInner(g))), u),
    (dy, g, u) => {
      const sigmoid = sigmoidByTanh(geluInner(g));
      return [tf.mul(tf.mul(dy, u), geluSlope(g, sigmoid)), tf.mul(dy, tf.mul(g, sigmoid))];
    },
  );
}

const geluFactor = 2 * Math.sqrt(2 / Math.PI);
const geluCubic = 0.044715;

/** 2u */
function geluInner(z: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(z, geluFactor), tf.add(tf.mul(tf.square(z), geluCubic), 1));
}

/** gelu′(z), with σ(2u) */
function geluSlope(z: tf.Tensor, sigmoid: tf.Tensor): tf.Tensor {
  const inner = tf.mul(tf.add(tf.mul(tf.square(z), 3 * geluCubic), 1), geluFactor); // 2u′
  const along = tf.mul(tf.mul(z, tf.sub(1, sigmoid)), inner);
  return tf.mul(sigmoid, tf.add(along, 1));
}

/**
 * gelu(z) = z Φ(z) = ½ z (1 + erf(z/√2)), with gelu′ = Φ + z φ, φ(z) = exp(−z²/2) / √(2π).
 * Hendrycks and Gimpel 2016, "Gaussian Error Linear Units" (1606.08415); BERT's form.
 */
export function geluExact(z: tf.Tensor): tf.Tensor {
  const cumulative = (x: tf.Tensor): tf.Tensor => tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);
  return pointwise(
    [z],
    (x) => tf.mul(x, cumulative(x)),
    (dy, x) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(cumulative(x), tf.mul(x, density)))];
    },
  );
}

/** A function of the elements at one place, with its gradient written out. */
function pointwise<const Inputs extends readonly tf.Tensor[]>(
  inputs: Inputs,
  fn: (...inputs: Inputs) => tf.Tensor,
  gradient: (dy: tf.Tensor, ...inputs: Inputs) => tf.Tensor[],
): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const save = args.pop() as tf.GradSaveFunc;
    const values = args as unknown as Inputs;
    save([...values]);
    return {
      value: fn(...values),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradient(dy, ...(saved as unknown as Inputs)),
    };
  });
  return apply(...inputs);
}

/** Functions of each element by the name that configs have for them. */
export const activations = {
  gelu,
  geluExact,
  relu: (z: tf.Tensor): tf.Tensor => tf.relu(z),
} as const satisfies Record<string, (z: tf.Tensor) => tf.Tensor>;

/** gelu(x U) D, in GPT-2's tanh form: Hendrycks and Gimpel 2016 (1606.08415). */
export const geluMlp = plainMlp(gelu);

/** (gelu(x G) · x U) D, in the tanh form, as in T5 v1.1: Shazeer 2020 (2002.05202). */
export const geglu = gatedMlp(gatedByGelu);

/** gelu(x U) D, exact, as in BERT: Devlin 2018 (1810.04805). */
export const geluExactMlp = plainMlp(geluExact);

/** max(0, x U) D: Vaswani 2017 (1706.03762). */
export const reluMlp = plainMlp(activations.relu);

/** The networks by the name that configs have for them. */
export const mlps = { swiglu, geglu, gelu: geluMlp, geluExact: geluExactMlp, relu: reluMlp } as const satisfies Record<
  string,
  Mlp
>;
