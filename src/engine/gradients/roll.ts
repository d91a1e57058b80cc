import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { positiveAxis } from './gradient.js';

/**
 * y_i = x_{(i − shift) mod n} along an axis: elements move up by `shift`, those that leave come back at the other end (`numpy.roll`).
 * Two slices and a concat; the gradient is theirs.
 *
 * @throws TrainbookError if the axis does not exist or the shift is not a whole number.
 * @example
 * roll(tf.tensor1d([1, 2, 3, 4]), 1); // [4, 1, 2, 3]
 */
export function roll<Tensor extends tf.Tensor>(x: Tensor, shift: number, axis = 0): Tensor {
  const position = positiveAxis(axis, x.rank);
  const size = x.shape[position];
  if (size === undefined || !Number.isInteger(shift)) {
    throw new TrainbookError({
      what: 'roll: the axis must be one of x and the shift a whole number',
      received: `shift ${shift}, axis ${axis}, shape [${x.shape.join(', ')}]`,
      expected: `an integer shift and -${x.rank} ≤ axis < ${x.rank}`,
    });
  }
  const moved = size === 0 ? 0 : ((shift % size) + size) % size;
  if (moved === 0) return tf.clone(x);
  const [kept, returning] = tf.split<tf.Tensor>(x, [size - moved, moved], position);
  if (kept === undefined || returning === undefined) throw new Error('internal: split gave fewer than two parts');
  return tf.concat([returning, kept], position) as Tensor;
}
