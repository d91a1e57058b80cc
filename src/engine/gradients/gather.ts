import * as tf from '@tensorflow/tfjs';
import { at, positiveAxis, product, registerGradient, zerosFor } from './gradient.js';

/**
 * y[b…, o…, i…, m…] = x[b…, o…, index[b…, i…], m…]: ∂x gathers nothing and scatters dy back,
 * ∂x[b, o, n, m] = Σ over i with index[b, i] = n of dy[b, o, i, m].
 *
 * The batch axes become one axis of segments: index + n·b numbers the rows of all batches, and one `UnsortedSegmentSum` adds them.
 * An embedding (axis 0, no batch axes) needs that op alone; picking one logit per row (`batchDims` = its axis) needs no loop over
 * rows. (tfjs has `batchDims` 0 and 1, the latter as one op per row, and int32 for ∂index, which breaks `topk` → `gather`.)
 */
registerGradient<{ axis: number; batchDims: number }>({
  kernel: 'GatherV2',
  inputs: ['x', 'indices'],
  backward: (dys, kept, { axis, batchDims }) => ({
    x: () => gatherGradient(at(dys, 0), at(kept, 0), at(kept, 1), axis, batchDims),
    indices: () => zerosFor(at(kept, 1)),
  }),
});

function gatherGradient(dy: tf.Tensor, x: tf.Tensor, index: tf.Tensor, axis: number, batchDims: number): tf.Tensor {
  const at0 = positiveAxis(axis, x.rank);
  const numBatchAxes = positiveAxis(batchDims, index.rank);
  const batch = product(x.shape.slice(0, numBatchAxes));
  const outer = product(x.shape.slice(numBatchAxes, at0));
  const size = x.shape[at0] ?? 1;
  const inner = product(x.shape.slice(at0 + 1));
  const picked = index.size / batch;

  const rows =
    outer === 1
      ? tf.reshape(dy, [batch * picked, inner])
      : tf.reshape(tf.transpose(tf.reshape(dy, [batch, outer, picked, inner]), [0, 2, 1, 3]), [
          batch * picked,
          outer * inner,
        ]);
  const segments = tf.reshape(batch === 1 ? index : batchRows(index, batch, picked, size), [batch * picked]);
  const sums = tf.unsortedSegmentSum(rows, segments as tf.Tensor1D, batch * size); // [batch · size, outer · inner]
  return tf.reshape(
    outer === 1 ? sums : tf.transpose(tf.reshape(sums, [batch, size, outer, inner]), [0, 2, 1, 3]),
    x.shape,
  );
}

/** index[b, i] + size · b */
function batchRows(index: tf.Tensor, batch: number, picked: number, size: number): tf.Tensor {
  const starts = tf.reshape(tf.range(0, batch * size, size, 'int32'), [batch, 1]);
  return tf.add(tf.reshape(index, [batch, picked]), starts);
}
