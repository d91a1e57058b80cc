import * as tf from '@tensorflow/tfjs';
import { at, registerGradient, sumToShape } from './gradient.js';

/** y = (a − b)²: ∂a = 2 dy (a − b), ∂b = −∂a, each summed over axes that were stretched. (tfjs does not sum.) */
registerGradient({
  kernel: 'SquaredDifference',
  inputs: ['a', 'b'],
  backward: (dys, kept) => {
    const a = at(kept, 0);
    const b = at(kept, 1);
    const slope = (factor: number) => tf.mul(tf.mul(at(dys, 0), factor), tf.sub(a, b));
    return { a: () => sumToShape(slope(2), a.shape), b: () => sumToShape(slope(-2), b.shape) };
  },
});
