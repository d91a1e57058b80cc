import type { Measurement } from '../../src/commands/bench.js';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(sorted, middle) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? NaN;
}

/** The median of blocks and their spread. */
export function summarise(
  figure: string,
  blocks: readonly number[],
  rest: Pick<Measurement, 'unit' | 'goal'> = {},
): Measurement {
  return { figure, value: median(blocks), spread: [Math.min(...blocks), Math.max(...blocks)], ...rest };
}

/**
 * Blocks of several contestants in turn (a b c a b c …), so that what else the machine does falls on all alike. Gives each
 * one's results in the order of the rounds.
 */
export async function alternate(
  contestants: readonly (() => Promise<number>)[],
  rounds: number,
): Promise<readonly (readonly number[])[]> {
  const results = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) results[index]?.push(await contestant());
  }
  return results;
}

/** Ratios round by round: of two blocks that ran one after the other. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  return numerators.map((numerator, round) => numerator / at(denominators, round));
}
