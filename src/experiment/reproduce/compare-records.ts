import type { Json } from '../../files.js';
import { compareOutcomes } from './compare.js';
import type { Comparison } from './compare.js';
import { environmentDiffers, isSameComputing } from './differences.js';
import type { Difference } from './differences.js';
import { readRecordedRun } from './recorded-run.js';
import type { RecordedRun } from './recorded-run.js';

/** Two runs compared, and what they were computed with as far as it differs. */
export interface ComparedRecords extends Comparison {
  readonly differences: readonly Difference[];
}

/**
 * Compares two runs by their folders, as `trainbook reproduce` does: stage by stage, by the hashes of what was made; if the engine or the
 * machine is another, by whether all numbers are within the tolerance.
 *
 * @param tolerance the relative difference that a number may have
 * @throws TrainbookError if a folder is no run
 * @example
 * const { verdict, first } = await compareRecords('runs/quickstart/2026-11-29-153002-a41c', 'runs/quickstart/2026-11-29-160101-77aa');
 */
export async function compareRecords(recorded: string, now: string, tolerance = 0.02): Promise<ComparedRecords> {
  const [before, after] = await Promise.all([readRecordedRun(recorded), readRecordedRun(now)]);
  const differences = environmentDiffers(computedWith(before), computedWith(after));
  return { ...compareOutcomes(before, after, { tolerance, sameComputing: isSameComputing(differences) }), differences };
}

/** What results depend on beside the code, as a run's record tells it. */
export function computedWith({ environment, spec }: RecordedRun): Readonly<Record<string, Json>> {
  return { ...environment, ...(spec.numericClass === undefined ? {} : { numericClass: spec.numericClass }) };
}
