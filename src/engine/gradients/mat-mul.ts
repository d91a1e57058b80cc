import * as tf from '@tensorflow/tfjs';
import { at, product, registerGradient, sumToShape } from './gradient.js';

interface MatMul {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * y = a·b over the last two axes: ∂a = dy·bᵀ, ∂b = aᵀ·dy, each with the transposes of the forward product, summed over batch axes that were
 * stretched. (tfjs does not sum, so a stretched operand fails.)
 *
 * Where b is one matrix for a whole batch (a dense layer), the batch is rows: a [batch, m, k] is seen as [batch·m, k], so that both
 * gradients are one large product instead of a batch of small ones and a sum.
 */
registerGradient<MatMul>({
  kernel: 'BatchMatMul',
  inputs: ['a', 'b'],
  backward: (dys, kept, { transposeA, transposeB }) => {
    const dy = at(dys, 0);
    const a = at(kept, 0);
    const b = at(kept, 1);
    const shared = !transposeA && dy.rank > 2 && product(b.shape.slice(0, -2)) === 1;
    const [da, db] = shared ? rowGradients(dy, a, b, transposeB) : matrixGradients(dy, a, b, transposeA, transposeB);
    return { a: () => sumToShape(da(), a.shape), b: () => sumToShape(db(), b.shape) };
  },
});

type Thunks = readonly [() => tf.Tensor, () => tf.Tensor];

function rowGradients(dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, transposeB: boolean): Thunks {
  const matrix = b.rank === 2 ? b : tf.reshape(b, b.shape.slice(-2));
  const dyRows = rows(dy);
  const outer = [...dy.shape.slice(0, -1), a.shape[a.rank - 1] ?? 1];
  return [
    () => tf.reshape(tf.matMul(dyRows, matrix, false, !transposeB), outer),
    () => {
      const db = transposeB ? tf.matMul(dyRows, rows(a), true, false) : tf.matMul(rows(a), dyRows, true, false);
      return b.rank === 2 ? db : tf.reshape(db, b.shape);
    },
  ];
}

function rows(tensor: tf.Tensor): tf.Tensor {
  const width = tensor.shape[tensor.rank - 1] ?? 1;
  return tf.reshape(tensor, [product(tensor.shape.slice(0, -1)), width]);
}

function matrixGradients(dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): Thunks {
  return [
    () => (transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB)),
    () => (transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false)),
  ];
}
