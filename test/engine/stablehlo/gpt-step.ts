/**
 * A whole training step of a small GPT in plain tfjs ops: embedding, pre-norm blocks of causal attention and a GELU MLP, tied
 * output, cross-entropy, tfjs's gradients, AdamW. It is a test of targets: nothing of the library's models is in it.
 */
import * as tf from '@tensorflow/tfjs';
import { cell } from '../../../src/engine/cell.js';
import type { Cell } from '../../../src/engine/cell.js';

export interface Sizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly time: number;
  readonly batch: number;
  readonly vocabulary: number;
}

/** A parameter and AdamW's two moments of it. */
interface Slot {
  readonly parameter: Cell;
  readonly mean: Cell;
  readonly square: Cell;
}

export type State = readonly Slot[];

export function initialState({ layers, width, time, vocabulary }: Sizes): State {
  const shapes: number[][] = [
    [vocabulary, width],
    [time, width],
  ];
  for (let layer = 0; layer < layers; layer++) {
    shapes.push([width], [width, 3 * width], [width, width], [width], [width, 4 * width], [4 * width, width]);
  }
  shapes.push([width]);
  return shapes.map((shape, index) => {
    const gain = shape.length === 1;
    const value = gain ? tf.ones(shape) : tf.randomNormal(shape, 0, 0.02, 'float32', 42 + index);
    return { parameter: cell(value), mean: cell(tf.zeros(shape)), square: cell(tf.zeros(shape)) };
  });
}

const layerNorm = (x: tf.Tensor, gain: tf.Tensor): tf.Tensor => {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain);
};

const gelu = (x: tf.Tensor): tf.Tensor => {
  const cubic = tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(cubic, 0.7978845608)), 1));
};

function loss(parameters: readonly tf.Tensor[], tokens: tf.Tensor, targets: tf.Tensor, sizes: Sizes): tf.Scalar {
  const { layers, width, heads, time, batch, vocabulary } = sizes;
  const rest = [...parameters];
  const next = (): tf.Tensor => rest.shift() ?? tf.scalar(NaN);
  const [embedding, positions] = [next(), next()];
  const future = tf.tensor(
    Array.from({ length: time * time }, (_, index) => (index % time > Math.floor(index / time) ? -1e9 : 0)),
    [1, 1, time, time],
  );
  const rows = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [batch * time, -1]);
  const sequences = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [batch, time, width]);
  let x = tf.add(tf.gather(embedding, tf.cast(tokens, 'int32')), positions); // [batch, time, width]
  for (let layer = 0; layer < layers; layer++) {
    const [norm1, qkv, projection, norm2, up, down] = [next(), next(), next(), next(), next(), next()];
    const parts = tf.reshape(tf.matMul(rows(layerNorm(x, norm1)), qkv), [batch, time, 3, heads, width / heads]);
    const [query, key, value] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]), 0); // [batch, heads, time, width / heads]
    if (query === undefined || key === undefined || value === undefined) throw new Error('three parts');
    const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(width / heads));
    const attended = tf.matMul(tf.softmax(tf.add(scores, future)), value);
    x = tf.add(x, sequences(tf.matMul(rows(tf.transpose(attended, [0, 2, 1, 3])), projection)));
    x = tf.add(x, sequences(tf.matMul(gelu(tf.matMul(rows(layerNorm(x, norm2)), up)), down)));
  }
  const logits = tf.matMul(rows(layerNorm(x, next())), embedding, false, true);
  const chosen = tf.sum(tf.mul(tf.oneHot(tf.reshape(tf.cast(targets, 'int32'), [-1]), vocabulary), logits), -1);
  return tf.mean(tf.sub(tf.logSumExp(logits, -1), chosen));
}

/** One AdamW step (Loshchilov 2019, 1711.05101) in place; gives the loss before it. `count` is the number of the step, from 1. */
export function trainingStep(
  state: State,
  tokens: tf.Tensor,
  targets: tf.Tensor,
  count: tf.Tensor,
  sizes: Sizes,
): tf.Scalar {
  const parameters = state.map(({ parameter }) => parameter.read());
  const fn = (...values: tf.Tensor[]): tf.Scalar => loss(values, tokens, targets, sizes);
  const { value, grads } = tf.valueAndGrads(fn)(parameters);
  const [learningRate, decay, beta1, beta2] = [3e-3, 0.1, 0.9, 0.95];
  const correction1 = tf.sub(1, tf.pow(beta1, count));
  const correction2 = tf.sub(1, tf.pow(beta2, count));
  state.forEach(({ parameter, mean, square }, index) => {
    const [before, gradient] = [parameters[index], grads[index]];
    if (before === undefined || gradient === undefined) throw new Error('a gradient for each parameter');
    const first = tf.add(tf.mul(mean.read(), beta1), tf.mul(gradient, 1 - beta1));
    const second = tf.add(tf.mul(square.read(), beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const direction = tf.div(tf.div(first, correction1), tf.add(tf.sqrt(tf.div(second, correction2)), 1e-8));
    parameter.write(tf.sub(tf.mul(before, 1 - learningRate * decay), tf.mul(direction, learningRate)));
    mean.write(first);
    square.write(second);
  });
  return value;
}

/** Tokens of a text that repeats itself with a twist, and the ones that follow each. */
export function batchAt(step: number, { batch, time, vocabulary }: Sizes): { tokens: Int32Array; targets: Int32Array } {
  const token = (position: number): number => (position * 7 + (position >> 3) * 3) % vocabulary;
  const start = (row: number): number => (step * 977 + row * 131) % 5000;
  const read = (shift: number): Int32Array =>
    Int32Array.from({ length: batch * time }, (_, index) =>
      token(start(Math.floor(index / time)) + (index % time) + shift),
    );
  return { tokens: read(0), targets: read(1) };
}
