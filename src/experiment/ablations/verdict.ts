import type { ArmResult } from './comparison.js';

const level = 0.05;

/**
 * What a row of the result table says, in words: `better`, `worse`, `inside the noise: 7 seeds would be needed`, or why nothing can
 * be said.
 */
export function verdict(row: ArmResult, better: 'lower' | 'higher'): string {
  const { isBaseline, mean, difference, numFailed, numStopped } = row;
  if (mean === undefined) {
    if (numStopped > 0) return 'stopped early';
    return numFailed > 0 ? 'failed' : 'not run yet';
  }
  if (isBaseline) return 'baseline';
  if (difference === undefined) return 'no seed in common with the baseline';
  const { pValue, corrected = 1, insideNoise, seedsNeeded } = difference;
  if (pValue === undefined) return 'one seed: no interval';
  if (insideNoise) {
    if (seedsNeeded === undefined) return difference.mean === 0 ? 'no difference' : 'inside the noise';
    return `inside the noise: ${seedsNeeded.toLocaleString('en')} seeds would be needed`;
  }
  const word = difference.mean < 0 === (better === 'lower') ? 'better' : 'worse';
  return corrected <= level ? word : `${word}, but among so many arms it may be chance`;
}
