import * as tf from '@tensorflow/tfjs';
import { at, product, registerGradient, sumToShape } from './gradient.js';

/**
 * y = tile(x, r): each element of x is copied Πr times, so ∂x = the sum over the copies.
 *
 * An axis of size s repeated r times is seen as [r, s] and summed over r: one reshape and one sum, for any rank. (tfjs adds
 * Πr slices, up to rank 4. `tf.broadcastTo` runs this kernel too.)
 */
registerGradient<{ reps: readonly number[] }>({
  kernel: 'Tile',
  inputs: ['x'],
  backward: ([dy], [x], { reps }) => ({
    x: () => {
      if (dy === undefined || x === undefined) throw new Error('internal: Tile keeps its input');
      const copies: number[] = [];
      const parted = x.shape.flatMap((size, axis) => {
        const repeats = reps[axis] ?? 1;
        if (repeats === 1) return [size];
        // The position of the new axis: those before it, and one for each axis parted so far.
        copies.push(axis + copies.length);
        return [repeats, size];
      });
      return copies.length === 0 ? tf.clone(dy) : tf.reshape(tf.sum(tf.reshape(dy, parted), copies), x.shape);
    },
  }),
});

/** y = broadcastTo(x): as for `Tile`, the sum over the stretched axes. */
registerGradient<{ inputShape?: readonly number[] }>({
  kernel: 'BroadcastTo',
  inputs: ['x'],
  backward: (dys, kept) => ({
    x: () => {
      const { shape } = at(kept, 0);
      return product(shape) === product(at(dys, 0).shape)
        ? tf.reshape(at(dys, 0), shape)
        : sumToShape(at(dys, 0), shape);
    },
  }),
});
