/** Every op that a decoder and its loss use, on both sides of a broadcast, against central differences. */
import * as tf from '@tensorflow/tfjs';
import { describe } from 'vitest';
import { around, checkGradients, positive, type Case } from './central-difference.js';

const int32 = (values: tf.TensorLike, shape?: number[]) => tf.tensor(values, shape, 'int32');
const square = (x: tf.Tensor) => tf.square(x);

describe('arithmetic', () => {
  const shapes = [
    ['one shape', [2, 3], [2, 3]],
    ['b stretched', [2, 3], [3]],
    ['a stretched', [1, 3], [2, 3]],
    ['both stretched', [2, 1, 2], [3, 1]],
    ['a scalar', [], [2, 2]],
  ] as const;
  const ops = {
    add: (a: tf.Tensor, b: tf.Tensor) => square(tf.add(a, b)),
    sub: (a: tf.Tensor, b: tf.Tensor) => square(tf.sub(a, b)),
    mul: (a: tf.Tensor, b: tf.Tensor) => tf.mul(a, b),
    squaredDifference: (a: tf.Tensor, b: tf.Tensor) => tf.squaredDifference(a, b),
  };
  checkGradients(
    Object.fromEntries(
      shapes.flatMap(([name, a, b]) => [
        ...Object.entries(ops).map(
          ([op, fn]) => [`${op}, ${name}`, { fn, inputs: [around(...a), around(...b)] }] as const,
        ),
        [
          `div, ${name}`,
          { fn: (x: tf.Tensor, y: tf.Tensor) => tf.div(x, y), inputs: [around(...a), positive(...b)] },
        ] as const,
        [
          `pow, ${name}`,
          { fn: (x: tf.Tensor, y: tf.Tensor) => tf.pow(x, y), inputs: [positive(...a), around(...b)] },
        ] as const,
        // Kinks where a = b: far from each other here.
        [
          `maximum and minimum, ${name}`,
          {
            fn: (x: tf.Tensor, y: tf.Tensor) => tf.add(square(tf.maximum(x, y)), tf.minimum(x, y)),
            inputs: [around(...a), { ...around(...b), values: around(...b).values.map((value) => value * 2) }],
          },
        ] as const,
      ]),
    ),
  );
});

describe('one argument', () => {
  const everywhere = {
    abs: tf.abs,
    cos: tf.cos,
    erf: tf.erf,
    exp: tf.exp,
    neg: tf.neg,
    relu: tf.relu,
    sigmoid: tf.sigmoid,
    sin: tf.sin,
    softplus: tf.softplus,
    square: tf.square,
    tanh: tf.tanh,
  };
  const positives = { log: tf.log, log1p: tf.log1p, reciprocal: tf.reciprocal, rsqrt: tf.rsqrt, sqrt: tf.sqrt };
  const steps = (x: tf.Tensor) =>
    tf.addN([tf.round(x), tf.floor(x), tf.sign(x), tf.ceil(x)].map((constant) => tf.mul(constant, x)));
  const betweenSteps = { shape: [4], values: Float32Array.of(-1.3, -0.7, 0.3, 1.8) };
  const composed = {
    silu: (x: tf.Tensor) => tf.mul(x, tf.sigmoid(x)),
    'gelu by erf': (x: tf.Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    'gelu by tanh': (x: tf.Tensor) =>
      tf.mul(
        tf.mul(x, 0.5),
        tf.add(tf.tanh(tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI))), 1),
      ),
    clipByValue: (x: tf.Tensor) => square(tf.clipByValue(x, -0.4, 0.6)),
  };
  const table: [string, Case][] = [
    ['round, floor, sign, ceil: constant', { fn: steps, inputs: [betweenSteps] }],
    ...Object.entries({ ...everywhere, ...composed }).map(([name, fn]): [string, Case] => [
      name,
      { fn, inputs: [around(2, 4)] },
    ]),
    ...Object.entries(positives).map(([name, fn]): [string, Case] => [name, { fn, inputs: [positive(2, 4)] }]),
  ];
  checkGradients(Object.fromEntries(table));
});

describe('reductions', () => {
  checkGradients({
    'sum of all': { fn: (x) => square(tf.sum(x)), inputs: [around(2, 3)] },
    'sum over one axis': { fn: (x) => square(tf.sum(x, 1)), inputs: [around(2, 3, 2)] },
    'sum over the last axis, kept': { fn: (x) => tf.mul(x, tf.sum(x, -1, true)), inputs: [around(2, 3)] },
    'sum over two axes': { fn: (x) => square(tf.sum(x, [0, 2])), inputs: [around(2, 3, 2)] },
    'sum of a scalar': { fn: (x) => square(tf.sum(x)), inputs: [around()] },
    'mean of all': { fn: (x) => square(tf.mean(x)), inputs: [around(2, 3)] },
    'mean over the last axis, kept': { fn: (x) => tf.mul(x, tf.mean(x, -1, true)), inputs: [around(2, 3)] },
    'mean over two axes': { fn: (x) => square(tf.mean(x, [0, 1])), inputs: [around(2, 3, 2)] },
    'max over the last axis': { fn: (x) => square(tf.max(x, -1)), inputs: [around(2, 3)] },
    'min over the first axis, kept': { fn: (x) => square(tf.min(x, 0, true)), inputs: [around(3, 2)] },
    'logSumExp over the last axis': { fn: (x) => tf.logSumExp(x, -1), inputs: [around(2, 3)] },
    'prod over an axis': { fn: (x) => tf.prod(x, 1), inputs: [around(2, 3)] },
    softmax: { fn: (x) => tf.softmax(x), inputs: [around(2, 2, 3)] },
    logSoftmax: { fn: (x) => tf.logSoftmax(x), inputs: [around(2, 3)] },
  });
});

describe('shapes', () => {
  checkGradients({
    reshape: { fn: (x) => square(tf.reshape(x, [3, 2])), inputs: [around(2, 3)] },
    'expandDims and squeeze': { fn: (x) => square(tf.squeeze(tf.expandDims(x, 1))), inputs: [around(2, 3)] },
    transpose: { fn: (x) => square(tf.transpose(x, [2, 0, 1])), inputs: [around(2, 3, 2)] },
    concat: { fn: (x, y) => square(tf.concat([x, y], 1)), inputs: [around(2, 3), around(2, 1)] },
    'concat, last axis of 3': {
      fn: (x, y) => square(tf.concat([x, y], -1)),
      inputs: [around(2, 1, 2), around(2, 1, 3)],
    },
    'split, one part unused': {
      fn: (x) => {
        const [first, , last] = tf.split(x, 3, -1);
        return tf.mul(first as tf.Tensor, last as tf.Tensor);
      },
      inputs: [around(2, 6)],
    },
    'split in unequal parts': {
      fn: (x) => tf.sum(square(tf.split<tf.Tensor>(x, [1, 3], 1)[1] ?? x)),
      inputs: [around(2, 4)],
    },
    stack: { fn: (x, y) => square(tf.stack([x, y], 1)), inputs: [around(2, 2), around(2, 2)] },
    unstack: { fn: (x) => tf.mul(tf.unstack(x)[0] ?? x, tf.unstack(x)[1] ?? x), inputs: [around(2, 3)] },
    slice: { fn: (x) => square(tf.slice(x, [0, 1], [2, 2])), inputs: [around(3, 4)] },
    'slice to the end': { fn: (x) => square(tf.slice(x, [1], [-1])), inputs: [around(3, 2)] },
    pad: {
      fn: (x) =>
        square(
          tf.add(
            tf.pad(x, [
              [1, 0],
              [0, 2],
            ]),
            1,
          ),
        ),
      inputs: [around(2, 2)],
    },
    reverse: { fn: (x) => tf.mul(x, tf.reverse(x, 1)), inputs: [around(2, 3)] },
    addN: { fn: (x, y) => square(tf.addN([x, y, x])), inputs: [around(2, 2), around(2, 2)] },
    'rotary positions: halves turned': {
      fn: (x) => {
        const [a, b] = tf.split<tf.Tensor>(x, 2, -1);
        return tf.add(tf.mul(x, 0.8), tf.mul(tf.concat([tf.neg(b ?? x), a ?? x], -1), 0.6));
      },
      inputs: [around(2, 4)],
    },
  });
});

describe('choices', () => {
  const mask = () => tf.tensor([1, 0, 1, 0, 0, 1], [2, 3], 'bool');
  checkGradients({
    where: { fn: (x, y) => tf.where(mask(), square(x), tf.mul(y, 3)), inputs: [around(2, 3), around(2, 3)] },
    'where, x stretched': { fn: (x, y) => square(tf.where(mask(), x, y)), inputs: [around(3), around(2, 1)] },
    'a causal mask of scores': {
      fn: (x) => tf.softmax(tf.where(tf.tensor([1, 0, 1, 1], [2, 2], 'bool'), x, -1e9)),
      inputs: [around(3, 2, 2)],
    },
    'where: a side that overflows does not spoil the other': {
      fn: (x) => tf.where(tf.greater(x, 0), tf.sqrt(tf.where(tf.greater(x, 0), x, 1)), square(x)),
      inputs: [{ shape: [4], values: Float32Array.of(-2, -0.5, 0.7, 3) }],
    },
  });
});

describe('pieces of a decoder', () => {
  checkGradients({
    RMSNorm: {
      fn: (x, scale) => tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(square(x), -1, true), 1e-5))), scale),
      inputs: [around(2, 2, 4), around(4)],
    },
    LayerNorm: {
      fn: (x, scale, shift) => {
        const centred = tf.sub(x, tf.mean(x, -1, true));
        return tf.add(
          tf.mul(tf.mul(centred, tf.rsqrt(tf.add(tf.mean(square(centred), -1, true), 1e-5))), scale),
          shift,
        );
      },
      inputs: [around(2, 4), around(4), around(4)],
    },
    'attention of two heads': {
      fn: (q, k, v) => {
        const scores = tf.mul(tf.matMul(q, k, false, true), Math.SQRT1_2);
        return tf.matMul(tf.softmax(tf.where(tf.tensor([1, 0, 1, 1], [2, 2], 'bool'), scores, -1e9)), v);
      },
      inputs: [around(1, 2, 2, 2), around(1, 2, 2, 2), around(1, 2, 2, 2)],
    },
    'cross entropy of picked targets': {
      fn: (logits) => tf.neg(tf.mean(tf.gather(tf.logSoftmax(logits), int32([2, 0, 1], [3, 1]), 1, 1))),
      inputs: [around(3, 4)],
    },
    'tied embedding': {
      fn: (table) => tf.matMul(tf.gather(table, int32([1, 3, 1])), table, false, true),
      inputs: [around(4, 2)],
    },
    'a dense layer over a batch': {
      fn: (x, weight, bias) => tf.sigmoid(tf.add(tf.matMul(x, weight), bias)),
      inputs: [around(2, 2, 3), around(3, 2), around(2)],
    },
  });
});
