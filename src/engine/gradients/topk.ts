import * as tf from '@tensorflow/tfjs';
import { at, registerGradient } from './gradient.js';

/**
 * values[r, j] = x[r, index[r, j]]: ∂x[r, n] = Σ over j with index[r, j] = n of dvalues[r, j]. The indices are constant almost everywhere.
 * Rows are laid end to end, index + n·r, and one `ScatterNd` writes them.
 */
registerGradient({
  kernel: 'TopK',
  inputs: ['x'],
  outputs: [false, true],
  backward: (dys, kept) => ({
    x: () => {
      const x = at(kept, 0);
      const indices = at(kept, 1);
      const size = x.shape[x.rank - 1] ?? 1;
      const k = indices.shape[indices.rank - 1] ?? 1;
      const rows = x.size / size;
      if (k === 0) return tf.fill(x.shape, 0, 'float32');
      const starts = tf.reshape(tf.range(0, rows * size, size, 'int32'), [rows, 1]);
      const places = tf.reshape(tf.add(tf.reshape(indices, [rows, k]), starts), [rows * k, 1]);
      return tf.reshape(tf.scatterND(places, tf.reshape(at(dys, 0), [rows * k]), [rows * size]), x.shape);
    },
  }),
});
