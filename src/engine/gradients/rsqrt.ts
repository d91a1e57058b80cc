import * as tf from '@tensorflow/tfjs';
import { at, registerGradient } from './gradient.js';

/** y = x^(−1/2): ∂x = −½ dy y³, from y alone. (tfjs raises x to 1.5, the slowest elementwise op there is.) */
registerGradient({
  kernel: 'Rsqrt',
  outputs: [true],
  backward: (dys, kept) => ({
    x: () => {
      const y = at(kept, 0);
      return tf.mul(tf.mul(at(dys, 0), -0.5), tf.mul(y, tf.square(y)));
    },
  }),
});
