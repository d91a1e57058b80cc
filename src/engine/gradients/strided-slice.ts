import * as tf from '@tensorflow/tfjs';
import { at, registerGradient } from './gradient.js';

interface StridedSlice {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/**
 * y_i = x_{begin + i·stride}: ∂x has dy_i at begin + i·stride and zeros elsewhere.
 *
 * Along each axis: a negative stride is turned round, stride − 1 zeros are put behind each element ([n] → [n, 1] → pad → [n, stride] →
 * [n·stride]), and zeros around bring it to x's size.
 */
registerGradient<StridedSlice>({
  kernel: 'StridedSlice',
  inputs: ['x'],
  backward: (dys, kept, attributes) => ({
    x: () => {
      const { shape } = at(kept, 0);
      const { begin, end, strides } = tf.slice_util.sliceInfo(
        shape,
        attributes.begin,
        attributes.end,
        attributes.strides,
        attributes.beginMask,
        attributes.endMask,
        attributes.ellipsisMask,
        attributes.newAxisMask,
        attributes.shrinkAxisMask,
      );
      const axes = shape.map((size, axis) => {
        const first = begin[axis] ?? 0;
        const stride = strides[axis] ?? 1;
        const count = Math.max(0, Math.ceil(((end[axis] ?? size) - first) / stride));
        // The lowest place that was read, and the step from it upwards.
        return {
          size,
          count,
          step: Math.abs(stride),
          lowest: stride > 0 ? first : first + (count - 1) * stride,
          turned: stride < 0,
        };
      });
      if (axes.some(({ count }) => count === 0)) return tf.fill(shape, 0, 'float32');

      let gradient = tf.reshape(
        at(dys, 0),
        axes.map(({ count }) => count),
      );
      const turned = axes.flatMap((axis, index) => (axis.turned && axis.count > 1 ? [index] : []));
      if (turned.length > 0) gradient = tf.reverse(gradient, turned);
      if (axes.some(({ step, count }) => step > 1 && count > 1)) {
        const apart = axes.flatMap(({ step, count }): [number, number][] => [
          [0, 0],
          [0, count > 1 ? step - 1 : 0],
        ]);
        const spread = tf.pad(
          tf.reshape(
            gradient,
            axes.flatMap(({ count }) => [count, 1]),
          ),
          apart,
        );
        gradient = tf.reshape(
          spread,
          axes.map(({ count, step }) => (count > 1 ? count * step : 1)),
        );
        // The zeros behind the last element may reach past the end of x.
        gradient = tf.slice(
          gradient,
          axes.map(() => 0),
          axes.map(({ count, step }) => (count - 1) * step + 1),
        );
      }
      return tf.pad(
        gradient,
        axes.map(({ size, count, step, lowest }): [number, number] => [lowest, size - lowest - (count - 1) * step - 1]),
      );
    },
  }),
});
