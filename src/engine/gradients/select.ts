import * as tf from '@tensorflow/tfjs';
import { at, registerGradient, zerosFor } from './gradient.js';

/**
 * y = condition ? t : e: ∂t = condition ? dy : 0, ∂e = condition ? 0 : dy.
 *
 * tfjs multiplies dy by the condition as 0 or 1, where an infinite or undefined dy gives NaN on the side that was not taken.
 */
registerGradient({
  kernel: 'Select',
  inputs: ['condition'],
  backward: (dys, kept) => ({
    condition: () => zerosFor(at(kept, 0)),
    t: () => tf.where(at(kept, 0), at(dys, 0), zerosFor(at(dys, 0))),
    e: () => tf.where(at(kept, 0), zerosFor(at(dys, 0)), at(dys, 0)),
  }),
});
