import * as tf from '@tensorflow/tfjs';
import { at, product, registerGradient } from './gradient.js';

/**
 * y = Σ x over axes: ∂x = dy, stretched over them. y = mean x over axes of n elements: ∂x = dy / n, stretched.
 *
 * tfjs multiplies by `tf.ones(x.shape)` instead, which is an array made in JavaScript: in a trace, a constant as large as x.
 */
function stretch(dy: tf.Tensor, shape: number[], axis: number | number[] | null | undefined): tf.Tensor {
  const axes = tf.util.parseAxisParam(axis ?? shape.map((_, index) => index), shape);
  return tf.broadcastTo(
    tf.reshape(
      dy,
      shape.map((size, index) => (axes.includes(index) ? 1 : size)),
    ),
    shape,
  );
}

interface Reduction {
  readonly axis: number | number[] | null;
}

registerGradient<Reduction>({
  kernel: 'Sum',
  inputs: ['x'],
  backward: (dys, kept, { axis }) => ({ x: () => stretch(at(dys, 0), at(kept, 0).shape, axis) }),
});

registerGradient<Reduction>({
  kernel: 'Mean',
  inputs: ['x'],
  backward: (dys, kept, { axis }) => ({
    x: () => {
      const { shape } = at(kept, 0);
      const dy = at(dys, 0);
      // Divided before it is stretched: as many divisions as y has elements, not x.
      return stretch(tf.div(dy, product(shape) / product(dy.shape)), shape, axis);
    },
  }),
});
