import * as tf from '@tensorflow/tfjs';
import { at, registerGradient, zerosFor } from './gradient.js';

/** y = max(x, 0): ∂x = dy where y > 0, from y alone. (tfjs takes seven ops and an array of x's size.) */
registerGradient({
  kernel: 'Relu',
  outputs: [true],
  backward: (dys, kept) => ({ x: () => tf.where(tf.greater(at(kept, 0), 0), at(dys, 0), zerosFor(at(dys, 0))) }),
});
