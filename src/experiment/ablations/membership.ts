import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../../files.js';
import { ablationSpecSchema, cellSchema } from './record.js';
import type { AblationSpec, Arm, Cell } from './record.js';

/** A run's place in an ablation: the cell that it is of. */
export interface Membership {
  readonly folder: string;
  readonly spec: AblationSpec;
  readonly arm: Arm;
  readonly seed: number;
}

const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch((): string[] => [])).sort();

/** The cells of an ablation's folder that can be read, in the order of their files. */
export async function readCells(folder: string): Promise<Cell[]> {
  const names = (await namesIn(join(folder, 'cells'))).filter((name) => name.endsWith('.json'));
  const cells = names.map(async (name) =>
    cellSchema.safeParse(await readJson(join(folder, 'cells', name)).catch(() => undefined)),
  );
  return (await Promise.all(cells)).flatMap(({ data }) => (data === undefined ? [] : [data]));
}

/**
 * Which runs are cells of which ablation, by the run's folder below `runs/`: `quickstart/2026-11-21-143502-3f9c`. A run that the
 * store spares its work may be a cell of several: the first by name counts.
 */
export async function readMemberships(runsFolder: string): Promise<Map<string, Membership>> {
  const memberships = new Map<string, Membership>();
  const root = join(runsFolder, 'ablations');
  for (const name of await namesIn(root)) {
    for (const id of await namesIn(join(root, name))) {
      const folder = join(root, name, id);
      const spec = ablationSpecSchema.safeParse(
        await readJson(join(folder, 'ablation.json')).catch(() => undefined),
      ).data;
      if (spec === undefined) continue;
      for (const { run, arm: named, seed } of await readCells(folder)) {
        const arm = spec.arms.find((each) => each.name === named);
        if (run === undefined || arm === undefined || memberships.has(run)) continue;
        memberships.set(run, { folder, spec, arm, seed });
      }
    }
  }
  return memberships;
}
