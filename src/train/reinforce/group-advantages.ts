import { TrainbookError } from '../../error.js';

// Legend: rewards[g][i] is what answer i to question g earned. Groups may be of unequal size.

export interface GroupAdvantageOptions {
  /**
   * What the distance from the group's mean is divided by.
   * - `'group'`: the group's own deviation + ε. GRPO.
   * - `'batch'`: the deviation of all rewards + ε, so that a group of nearly equal rewards is not blown up. Liu 2025, "Tricks or Traps?"
   *   (2508.08221).
   * - `'none'`: nothing, so that questions count by how much their answers differ. Dr. GRPO.
   *
   * Default: `'group'`.
   */
  readonly scale?: 'group' | 'batch' | 'none';
  /** ε, in the unit of the rewards. Default: 1e-4, TRL's. */
  readonly epsilon?: number;
}

/**
 * A_i = (r_i − mean r) / (std r + ε) over the answers to one question: the other answers are the baseline, and no critic is needed. Shao
 * 2024, GRPO (2402.03300), section 4.1.2; without the division: Liu 2025, Dr. GRPO (2503.20783). The deviation is the unbiased one, n − 1
 * below.
 *
 * Advantages of a group sum to 0. A group of equal rewards has none at all: see `varyingGroups`. With `'batch'` the rewards of all
 * processes must be here.
 *
 * @throws TrainbookError if a group has fewer than two answers.
 * @example
 * const advantages = groupAdvantages([[1, 0, 0, 1], [0, 0, 0, 1]]); // the only right answer of its group earns most
 */
export function groupAdvantages(
  rewards: readonly (readonly number[])[],
  { scale = 'group', epsilon = 1e-4 }: GroupAdvantageOptions = {},
): number[][] {
  const deviationOfAll = scale === 'batch' ? deviation(rewards.flat()) : 0;
  return rewards.map((group, index) => {
    requirePair(group, index);
    const centre = mean(group);
    const divisor = scale === 'none' ? 1 : (scale === 'group' ? deviation(group) : deviationOfAll) + epsilon;
    return group.map((reward) => (reward - centre) / divisor);
  });
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** √(Σ (x − mean)² / (n − 1)). */
export function deviation(numbers: readonly number[]): number {
  const centre = mean(numbers);
  return Math.sqrt(numbers.reduce((sum, number) => sum + (number - centre) ** 2, 0) / (numbers.length - 1));
}

function requirePair(group: readonly number[], index: number): void {
  if (group.length >= 2) return;
  throw new TrainbookError({
    what: `groupAdvantages: group ${index} has no answers to compare`,
    received: `${group.length} answer${group.length === 1 ? '' : 's'}`,
    expected: 'at least 2 answers to a question; 8 to 64 are usual',
    fix: 'draw more answers for each question',
  });
}
