import * as tf from '@tensorflow/tfjs';
import type { Group } from '../../../engine/group.js';

/**
 * Numbers of answers, [groups][answers][numbers], of all processes: process i of n has the groups i, i + n, … of the batch, and all have
 * as many. Single precision, where there are several processes.
 */
export async function gatherGroups(
  own: readonly (readonly (readonly number[])[])[],
  group: Group | undefined,
): Promise<readonly (readonly (readonly number[])[])[]> {
  if (group === undefined || group.size === 1) return own;
  const [answers = 0, numbers = 0] = [own[0]?.length, own[0]?.[0]?.length];
  const sent = tf.tensor3d(own.flat(2), [own.length, answers, numbers]);
  const [received] = await group.allGather([sent]);
  const all = (await received?.array()) as number[][][];
  tf.dispose([sent, ...(received ? [received] : [])]);
  // Those of process 0, then those of process 1, …
  return all.map((_, place) => all[(place % group.size) * own.length + Math.floor(place / group.size)] ?? []);
}

/** The groups of this process among those of all. */
export function ownGroups<T>(ofAll: readonly T[], group: Group | undefined): T[] {
  const { index = 0, size = 1 } = group ?? {};
  return ofAll.filter((_, place) => place % size === index);
}

/** Numbers added up over all processes. */
export async function sumTogether(numbers: readonly number[], group: Group | undefined): Promise<readonly number[]> {
  if (group === undefined || group.size === 1) return numbers;
  const own = tf.tensor1d([...numbers]);
  const [sum] = await group.allReduce([own], 'sum');
  const sums = Array.from((await sum?.data()) ?? []);
  tf.dispose([own, ...(sum ? [sum] : [])]);
  return sums;
}
