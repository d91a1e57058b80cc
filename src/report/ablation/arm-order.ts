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

/** What a difference to the baseline says: corrected over the arms, at the 5% level. */
export function verdict({ difference, isBaseline, mean: own }: ArmResult, better: 'lower' | 'higher'): string {
  if (isBaseline) return 'baseline';
  if (own === undefined) return 'no value';
  if (difference === undefined) return 'no common seed';
  const { mean, interval, corrected, insideNoise } = difference;
  if (interval === undefined) return 'one pair: not known';
  if (insideNoise) return 'inside the noise';
  if (corrected === undefined || corrected >= 0.05) return 'not significant when corrected';
  return mean < 0 === (better === 'lower') ? 'better' : 'worse';
}
