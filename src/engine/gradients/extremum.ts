import * as tf from '@tensorflow/tfjs';
import { at, registerGradient, sumToShape, zerosFor } from './gradient.js';

/** y = max(a, b) or min(a, b): dy goes to the one that was taken, to a where both are equal. (tfjs fails where one of them was stretched.) */
function registerExtremum(kernel: 'Maximum' | 'Minimum', takesFirst: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): void {
  registerGradient({
    kernel,
    inputs: ['a', 'b'],
    backward: (dys, kept) => {
      const dy = at(dys, 0);
      const a = at(kept, 0);
      const b = at(kept, 1);
      return {
        a: () => sumToShape(tf.where(takesFirst(a, b), dy, zerosFor(dy)), a.shape),
        b: () => sumToShape(tf.where(takesFirst(a, b), zerosFor(dy), dy), b.shape),
      };
    },
  });
}

registerExtremum('Maximum', tf.greaterEqual);
registerExtremum('Minimum', tf.lessEqual);
