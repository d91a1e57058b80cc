/** Gradients that tfjs lacks or has wrong, against central differences. */
import * as tf from '@tensorflow/tfjs';
import { describe } from 'vitest';
import { roll } from '../../../src/engine/gradients/index.js';
import { around, checkGradients, positive } from './central-difference.js';

const int32 = (values: tf.TensorLike, shape?: number[]) => tf.tensor(values, shape, 'int32');
const square = (x: tf.Tensor) => tf.square(x);

describe('einsum', () => {
  checkGradients({
    'a matrix product': { fn: (a, b) => tf.einsum('ij,jk->ik', a, b), inputs: [around(2, 3), around(3, 4)] },
    'attention scores': {
      fn: (q, k) => tf.einsum('bqhd,bkhd->bhqk', q, k),
      inputs: [around(2, 2, 2, 2), around(2, 3, 2, 2)],
    },
    'a transposed result': {
      fn: (a, b) => tf.einsum('bij,bkj->kib', a, b),
      inputs: [around(2, 3, 2), around(2, 2, 2)],
    },
    'an outer product': { fn: (a, b) => tf.einsum('i,j->ij', a, b), inputs: [around(3), around(4)] },
    'a dot product': { fn: (a, b) => tf.einsum('i,i->', a, b), inputs: [around(4), around(4)] },
    'a label of one operand that is summed': {
      fn: (a, b) => tf.einsum('ijl,jk->ik', a, b),
      inputs: [around(2, 3, 2), around(3, 2)],
    },
    'one operand, transposed': { fn: (a) => square(tf.einsum('ijk->kij', a)), inputs: [around(2, 3, 2)] },
    'one operand, summed': { fn: (a) => square(tf.einsum('ijk->j', a)), inputs: [around(2, 3, 2)] },
    'a broadcast batch': { fn: (a, b) => tf.einsum('bij,jk->bik', a, b), inputs: [around(2, 2, 3), around(3, 2)] },
  });
});

describe('topk', () => {
  checkGradients({
    'one row': { fn: (x) => square(tf.topk(x, 3).values), inputs: [around(6)] },
    rows: { fn: (x) => square(tf.topk(x, 2).values), inputs: [around(2, 2, 5)] },
    'all of a row': { fn: (x) => square(tf.topk(x, 4).values), inputs: [around(3, 4)] },
    'values that its own indices pick (a router)': {
      fn: (x, values) => {
        const best = tf.topk(x, 2);
        return tf.mul(tf.softmax(best.values), tf.gather(values, best.indices, 1, 1));
      },
      inputs: [around(3, 4), around(3, 4)],
    },
  });
});

describe('gatherND and scatterND', () => {
  const repeated = () => int32([0, 1, 2, 0, 0, 1], [3, 2]);
  checkGradients({
    'gatherND of elements': { fn: (x) => square(tf.gatherND(x, repeated())), inputs: [around(3, 2)] },
    'gatherND of rows': { fn: (x) => square(tf.gatherND(x, int32([2, 0, 2], [3, 1]))), inputs: [around(3, 2)] },
    'scatterND of elements': { fn: (x) => square(tf.scatterND(repeated(), x, [3, 2])), inputs: [around(3)] },
    'scatterND of rows': { fn: (x) => square(tf.scatterND(int32([2, 0], [2, 1]), x, [3, 2])), inputs: [around(2, 2)] },
    tensorScatterUpdate: {
      fn: (x, updates) => square(tf.tensorScatterUpdate(x, int32([2, 0], [2, 1]), updates)),
      inputs: [around(3, 2), around(2, 2)],
    },
  });
});

describe('stridedSlice', () => {
  checkGradients({
    'steps of 2': { fn: (x) => square(tf.stridedSlice(x, [0, 1], [3, 5], [2, 2])), inputs: [around(3, 5)] },
    'steps of 3 that do not fill the axis': {
      fn: (x) => square(tf.stridedSlice(x, [1], [8], [3])),
      inputs: [around(9)],
    },
    backwards: { fn: (x) => square(tf.stridedSlice(x, [4], [0], [-2])), inputs: [around(6)] },
    'backwards to the start': {
      fn: (x) => square(tf.stridedSlice(x, [0, 0], [0, 0], [-1, 1], 3, 3)),
      inputs: [around(3, 2)],
    },
    'negative places': { fn: (x) => square(tf.stridedSlice(x, [-3, 0], [-1, 2], [1, 1])), inputs: [around(4, 2)] },
    'an axis taken out': {
      fn: (x) => square(tf.stridedSlice(x, [1, 0], [2, 4], [1, 2], 0, 0, 0, 0, 1)),
      inputs: [around(3, 4)],
    },
    'an ellipsis and a new axis': {
      fn: (x) => square(tf.stridedSlice(x, [0, 0, 0], [0, 0, 2], [1, 1, 1], 0, 0, 1, 2, 0)),
      inputs: [around(2, 2, 3)],
    },
  });
});

describe('cumprod and cumsum', () => {
  const modes = [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const;
  const withZeros = { shape: [5], values: Float32Array.of(0.5, 0, -1.5, 0, 2) };
  checkGradients(
    Object.fromEntries(
      modes.flatMap(([exclusive, reverse]) => {
        const mode = `${exclusive ? 'exclusive' : 'inclusive'}${reverse ? ', reverse' : ''}`;
        return [
          [`cumprod, ${mode}`, { fn: (x: tf.Tensor) => tf.cumprod(x, 0, exclusive, reverse), inputs: [around(6)] }],
          [
            `cumprod, axis 0, ${mode}`,
            { fn: (x: tf.Tensor) => tf.cumprod(x, 0, exclusive, reverse), inputs: [around(3, 2)] },
          ],
          [
            `cumprod through zeros, ${mode}`,
            { fn: (x: tf.Tensor) => tf.cumprod(x, 0, exclusive, reverse), inputs: [withZeros] },
          ],
          [
            `cumsum, axis 0, ${mode}`,
            { fn: (x: tf.Tensor) => square(tf.cumsum(x, 0, exclusive, reverse)), inputs: [around(3, 2)] },
          ],
          [
            `cumsum, axis 1 of 3, ${mode}`,
            { fn: (x: tf.Tensor) => square(tf.cumsum(x, 1, exclusive, reverse)), inputs: [around(2, 3, 2)] },
          ],
        ];
      }),
    ),
  );
});

describe('tile and broadcastTo', () => {
  checkGradients({
    'tile, rank 1': { fn: (x) => square(tf.tile(x, [3])), inputs: [around(2)] },
    'tile, rank 2': { fn: (x) => square(tf.tile(x, [2, 3])), inputs: [around(2, 2)] },
    'tile, rank 5': { fn: (x) => square(tf.tile(x, [1, 2, 1, 3, 1])), inputs: [around(1, 2, 2, 1, 2)] },
    'tile by ones': { fn: (x) => square(tf.tile(x, [1, 1])), inputs: [around(2, 2)] },
    'broadcastTo, rank 5 (grouped-query attention)': {
      fn: (x) => square(tf.broadcastTo(x, [2, 2, 3, 2, 1])),
      inputs: [around(2, 2, 1, 2, 1)],
    },
    'broadcastTo, more axes': { fn: (x) => square(tf.broadcastTo(x, [2, 3, 2])), inputs: [around(3, 1)] },
    'broadcastTo, rank 6': {
      fn: (x) => square(tf.broadcastTo(x, [1, 2, 2, 1, 2, 2])),
      inputs: [around(1, 2, 1, 1, 2, 1)],
    },
  });
});

describe('gather', () => {
  checkGradients({
    'rows, some twice (an embedding)': { fn: (x) => square(tf.gather(x, int32([2, 0, 2, 1]))), inputs: [around(3, 2)] },
    'rows by a matrix of places': {
      fn: (x) => square(tf.gather(x, int32([2, 0, 2, 1], [2, 2]))),
      inputs: [around(3, 2)],
    },
    columns: { fn: (x) => square(tf.gather(x, int32([2, 0, 2]), 1)), inputs: [around(2, 3, 2)] },
    'the last axis, counted from the end': {
      fn: (x) => square(tf.gather(x, int32([1, 1]), 2)),
      inputs: [around(2, 2, 2)],
    },
    'batchDims 1': { fn: (x) => square(tf.gather(x, int32([2, 0, 1, 1], [2, 2]), 1, 1)), inputs: [around(2, 3, 2)] },
    'batchDims 1, one a row (targets)': {
      fn: (x) => square(tf.gather(x, int32([2, 0]), 1, 1)),
      inputs: [around(2, 3)],
    },
    'batchDims 2': { fn: (x) => square(tf.gather(x, int32([1, 0, 2, 2], [2, 2, 1]), 2, 2)), inputs: [around(2, 2, 3)] },
    'batchDims 1, an axis between': {
      fn: (x) => square(tf.gather(x, int32([1, 1, 0, 2], [2, 2]), 2, 1)),
      inputs: [around(2, 2, 3)],
    },
  });
});

describe('comparisons', () => {
  checkGradients({
    'where the mask depends on x': {
      fn: (x) => tf.where(tf.greater(x, 0), square(x), tf.mul(x, 3)),
      inputs: [around(5)],
    },
    'less, greater and equal as numbers': {
      fn: (x, y) =>
        tf.addN(
          [tf.less(x, y), tf.lessEqual(x, y), tf.greaterEqual(x, y), tf.equal(x, y), tf.notEqual(x, y)].map((mask) =>
            tf.mul(tf.cast(mask, 'float32'), tf.mul(x, y)),
          ),
        ),
      inputs: [around(4), { shape: [1], values: Float32Array.of(0.2) }],
    },
    'logical ops': {
      fn: (x) => {
        const inside = tf.logicalAnd(tf.greater(x, -0.6), tf.logicalNot(tf.greater(x, 0.6)));
        return tf.where(tf.logicalOr(inside, tf.greater(x, 0.8)), square(x), x);
      },
      inputs: [around(8)],
    },
    argMax: { fn: (x) => tf.mul(tf.cast(tf.argMax(x, 1), 'float32'), tf.sum(square(x), 1)), inputs: [around(2, 3)] },
  });
});

describe('products of matrices', () => {
  const transposes = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;
  checkGradients(
    Object.fromEntries(
      transposes.flatMap(([ta, tb]) => {
        const mode = `${ta ? 'aᵀ' : 'a'}·${tb ? 'bᵀ' : 'b'}`;
        const product = { fn: (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, ta, tb) };
        const left = ta ? ([3, 2] as const) : ([2, 3] as const);
        const right = tb ? ([2, 3] as const) : ([3, 2] as const);
        return [
          [mode, { ...product, inputs: [around(...left), around(...right)] }],
          [`${mode}, batches`, { ...product, inputs: [around(2, ...left), around(2, ...right)] }],
          [`${mode}, one b for a batch`, { ...product, inputs: [around(2, ...left), around(1, ...right)] }],
          [`${mode}, b of rank 2`, { ...product, inputs: [around(2, ...left), around(...right)] }],
          [`${mode}, one a for a batch`, { ...product, inputs: [around(1, ...left), around(2, ...right)] }],
          [`${mode}, crossed batches`, { ...product, inputs: [around(2, 1, ...left), around(1, 2, ...right)] }],
        ];
      }),
    ),
  );
});

describe('second order', () => {
  const second = (fn: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) => tf.grad((y: tf.Tensor) => square(fn(y)))(x);
  checkGradients({
    logSumExp: { fn: second((x) => tf.logSumExp(x, 1)), inputs: [around(2, 3)] },
    softmax: { fn: second((x) => tf.softmax(x)), inputs: [around(2, 3)] },
    matMul: { fn: second((x) => tf.matMul(x, x, false, true)), inputs: [around(2, 3)] },
    gather: { fn: second((x) => tf.mul(x, tf.gather(square(x), int32([1, 0, 1])))), inputs: [around(3, 2)] },
    'sum, mean, tile': {
      fn: second((x) => tf.mul(tf.tile(tf.mean(x, [0], true), [2, 1]), tf.sum(square(x), 1, true))),
      inputs: [around(2, 3)],
    },
    rsqrt: { fn: second((x) => tf.rsqrt(x)), inputs: [positive(3)] },
    'exp, tanh, sigmoid, sqrt, relu': {
      fn: second((x) => tf.addN([tf.exp(x), tf.tanh(x), tf.sigmoid(x), tf.sqrt(x), tf.relu(x)])),
      inputs: [positive(3)],
    },
  });
});

describe('roll', () => {
  checkGradients({
    'by 1': { fn: (x) => square(roll(x, 1)), inputs: [around(4)] },
    'backwards along the last axis': { fn: (x) => square(roll(x, -2, -1)), inputs: [around(2, 3)] },
  });
});
