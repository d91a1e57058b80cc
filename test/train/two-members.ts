import * as tf from '@tensorflow/tfjs';
import { groupOfOne } from '../../src/engine/group.js';
import type { Group } from '../../src/engine/group.js';

interface Waiting {
  readonly tensors: readonly tf.Tensor[];
  readonly done: (made: tf.Tensor[]) => void;
}

/** Two members in this process: a call waits for the other member's. */
export function twoMembers(): readonly [Group, Group] {
  const waiting = new Map<number, Waiting>();
  const calls = [0, 0];
  const together = (
    index: 0 | 1,
    tensors: readonly tf.Tensor[],
    join: (first: readonly tf.Tensor[], second: readonly tf.Tensor[]) => tf.Tensor[],
  ): Promise<tf.Tensor[]> =>
    new Promise((resolve) => {
      const call = calls[index] ?? 0;
      calls[index] = call + 1;
      const other = waiting.get(call);
      if (other === undefined) {
        waiting.set(call, { tensors: tensors.map((tensor) => tensor.clone()), done: resolve });
        return;
      }
      const [first, second] = index === 0 ? [tensors, other.tensors] : [other.tensors, tensors];
      resolve(join(first, second));
      other.done(join(first, second));
    });
  const member = (index: 0 | 1): Group => ({
    ...groupOfOne(),
    index,
    size: 2,
    allReduce: (tensors, reduction) =>
      together(index, tensors, (first, second) =>
        first.map((tensor, place) => {
          const sum = tf.add(tensor, second[place] as tf.Tensor);
          return reduction === 'mean' ? tf.div(sum, 2) : sum;
        }),
      ),
    allGather: (tensors) =>
      together(index, tensors, (first, second) =>
        first.map((tensor, place) => tf.concat([tensor, second[place] as tf.Tensor])),
      ),
    barrier: async () => {
      await together(index, [], () => []);
    },
  });
  return [member(0), member(1)];
}
