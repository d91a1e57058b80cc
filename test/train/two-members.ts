import * as tf from '@tensorflow/tfjs';
import { groupOfOne } from '../../src/engine/group.js';
import type { Group } from '../../src/engine/group.js';

interface Waiting {
  readonly tensors: readonly tf.Tensor[];
  readonly done: (sums: tf.Tensor[]) => void;
}

/** A group of two members in this process: a sum waits for both. */
export function twoMembers(): readonly [Group, Group] {
  const waiting = new Map<number, Waiting>();
  const calls = [0, 0];
  const member = (index: 0 | 1): Group => ({
    ...groupOfOne(),
    index,
    size: 2,
    allReduce: (tensors, reduction) =>
      new Promise((resolve) => {
        const call = calls[index] ?? 0;
        calls[index] = call + 1;
        const other = waiting.get(call);
        if (other === undefined) {
          // Copies: the member may dispose of its own before the other comes.
          waiting.set(call, { tensors: tensors.map((tensor) => tensor.clone()), done: resolve });
          return;
        }
        const factor = reduction === 'mean' ? 0.5 : 1;
        const sums = (): tf.Tensor[] =>
          tensors.map((tensor, place) => tf.mul(tf.add(tensor, other.tensors[place] as tf.Tensor), factor));
        resolve(sums());
        other.done(sums());
      }),
  });
  return [member(0), member(1)];
}
