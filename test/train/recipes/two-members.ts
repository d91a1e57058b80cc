import * as tf from '@tensorflow/tfjs';
import { groupOfOne } from '../../../src/engine/group.js';
import type { Group } from '../../../src/engine/group.js';

/** Two members in this process: each call waits for both. */
export function twoMembers(): readonly [Group, Group] {
  type Give = (both: readonly [readonly tf.Tensor[], readonly tf.Tensor[]]) => void;
  const waiting = new Map<number, { readonly tensors: readonly tf.Tensor[]; readonly give: Give }>();
  const calls = [0, 0];
  const member = (index: 0 | 1): Group => {
    const meet = (
      tensors: readonly tf.Tensor[],
      join: (first: tf.Tensor, second: tf.Tensor) => tf.Tensor,
    ): Promise<tf.Tensor[]> =>
      new Promise((resolve) => {
        const call = calls[index] ?? 0;
        calls[index] = call + 1;
        const give: Give = ([firsts, seconds]) => {
          resolve(firsts.map((first, place) => join(first, seconds[place] as tf.Tensor)));
        };
        const other = waiting.get(call);
        if (other === undefined) {
          waiting.set(call, { tensors, give });
          return;
        }
        waiting.delete(call);
        const both = index === 1 ? ([other.tensors, tensors] as const) : ([tensors, other.tensors] as const);
        give(both);
        other.give(both);
      });
    return {
      ...groupOfOne(),
      index,
      size: 2,
      allReduce: (tensors, reduction) =>
        meet(tensors, (first, second) => tf.mul(tf.add(first, second), reduction === 'mean' ? 0.5 : 1)),
      allGather: (tensors) => meet(tensors, (first, second) => tf.concat([first, second])),
    };
  };
  return [member(0), member(1)];
}
