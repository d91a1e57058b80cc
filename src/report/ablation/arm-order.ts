import type { ArmResult } from '../../experiment/ablations/comparison.js';

/** From the best mean to the worst; arms without a value last. */
export function sortedArms(results: readonly ArmResult[], better: 'lower' | 'higher'): ArmResult[] {
  const sign = better === 'lower' ? 1 : -1;
  return [...results].sort((a, b) => {
    if (a.mean === undefined || b.mean === undefined)
      return Number(a.mean === undefined) - Number(b.mean === undefined);
    return sign * (a.mean - b.mean);
  });
}
