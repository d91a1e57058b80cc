import { listAblations } from './list-ablations.js';
import type { AblationSpec, Arm } from './record.js';

/** A run's place in an ablation: the cell that it is of. */
export interface Membership {
  readonly folder: string;
  readonly spec: AblationSpec;
  readonly arm: Arm;
  readonly seed: number;
}

/**
 * Which runs are cells of which ablation, by the run's folder below `runs/`: `quickstart/2026-11-21-143502-3f9c`. A run that the
 * store spares its work may be a cell of several: the first by name counts.
 */
export async function readMemberships(runsFolder: string): Promise<Map<string, Membership>> {
  const memberships = new Map<string, Membership>();
  for (const { folder, spec, cells } of await listAblations(runsFolder)) {
    for (const { run, arm: named, seed } of cells) {
      const arm = spec.arms.find((each) => each.name === named);
      if (run === undefined || arm === undefined || memberships.has(run)) continue;
      memberships.set(run, { folder, spec, arm, seed });
    }
  }
  return memberships;
}
