import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../files.js';
import { ablationSpecSchema, cellSchema } from '../ablations/record.js';
import type { Cell } from '../ablations/record.js';

/** A cell of an ablation, with the ablation that it belongs to. */
export interface AblationCell extends Cell {
  readonly ablation: string;
  readonly ablationId: string;
  /** `<arm index>-<seed>`. */
  readonly place: string;
}

/** An ablation and its cells, as far as they are written. */
export interface AblationCells {
  readonly name: string;
  readonly id: string;
  readonly experiment: string;
  readonly createdAt: string;
  /** Arms times seeds. */
  readonly numCells: number;
  readonly measure: string;
  readonly cells: readonly AblationCell[];
}

const specSchema = ablationSpecSchema.pick({
  name: true,
  id: true,
  experiment: true,
  createdAt: true,
  measure: true,
  seeds: true,
  arms: true,
});

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch((): string[] => []);

async function parsed<T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> {
  return schema.safeParse(await readJson(path).catch(() => undefined)).data;
}

/** All ablations below a folder of runs, oldest first; what cannot be read is passed over. */
export async function listAblations(runsFolder: string): Promise<AblationCells[]> {
  const parent = join(runsFolder, 'ablations');
  const found: AblationCells[] = [];
  for (const name of (await namesIn(parent)).sort()) {
    for (const id of (await namesIn(join(parent, name))).sort()) {
      const folder = join(parent, name, id);
      const spec = await parsed(specSchema, join(folder, 'ablation.json'));
      if (spec === undefined) continue;
      const files = (await namesIn(join(folder, 'cells'))).filter((file) => file.endsWith('.json'));
      const cells = await Promise.all(
        files.sort(byPlace).map(async (file): Promise<AblationCell[]> => {
          const cell = await parsed(cellSchema, join(folder, 'cells', file));
          const about = { ablation: spec.name, ablationId: spec.id, place: file.slice(0, -'.json'.length) };
          return cell === undefined ? [] : [{ ...about, ...cell }];
        }),
      );
      const { experiment, createdAt, measure, arms, seeds } = spec;
      const about = { name: spec.name, id: spec.id, experiment, createdAt, measure };
      found.push({ ...about, numCells: arms.length * seeds.length, cells: cells.flat() });
    }
  }
  return found;
}

/** `2-1` before `10-1`. */
function byPlace(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
