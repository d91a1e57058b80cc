import type { Group } from '../../../engine/group.js';
import { sumTogether } from './gather-groups.js';

/** Of the numbers of all processes. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** The unbiased one, count − 1 below; 0 of fewer than two numbers. */
  readonly variance: number;
}

/** Mean and variance of several lists of numbers, each spread over the processes: first the means, then the squares around them. */
export async function momentsTogether(
  lists: readonly (readonly number[])[],
  group: Group | undefined,
): Promise<readonly Moments[]> {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const firsts = await sumTogether(
    lists.flatMap((list) => [list.length, sum(list)]),
    group,
  );
  const means = lists.map((_, place) => (firsts[2 * place + 1] ?? NaN) / Math.max(firsts[2 * place] ?? NaN, 1));
  const seconds = await sumTogether(
    lists.map((list, place) => sum(list.map((number) => (number - (means[place] ?? NaN)) ** 2))),
    group,
  );
  return lists.map((_, place) => {
    const count = firsts[2 * place] ?? NaN;
    return { count, mean: means[place] ?? NaN, variance: (seconds[place] ?? NaN) / Math.max(count - 1, 1) };
  });
}

/** (x − mean) / √(variance + 1e-8) where something counts, 0 elsewhere: `whiten`, over all processes. */
export function whitened(x: Float32Array, mask: Float32Array, { mean, variance }: Moments): Float32Array {
  const divisor = Math.sqrt(variance + 1e-8);
  return x.map((number, place) => (mask[place] === 0 ? 0 : (number - mean) / divisor));
}

/** The numbers that count. */
export function counted(x: Float32Array, mask: Float32Array): number[] {
  return Array.from(x).filter((_, place) => mask[place] !== 0);
}
