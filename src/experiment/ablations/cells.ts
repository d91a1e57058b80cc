import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { readJson, writeAtomic } from '../../files.js';
import { isLocked } from '../lock.js';
import { ablationSpecSchema, cellSchema } from './record.js';
import type { AblationRecord, AblationSpec, Cell } from './record.js';

/** An arm with a seed, by their places in the spec; cells are counted arm by arm, from 0. */
export interface Place {
  readonly arm: number;
  readonly seed: number;
}

/** All cells in the order of the spec. */
export function placesOf({ arms, seeds }: AblationSpec): Place[] {
  return arms.flatMap((_, arm) => seeds.map((seed) => ({ arm, seed })));
}

const nameOf = ({ arm, seed }: Place): string => `${arm}-${seed}`;

/** The lock of a cell: who holds it runs the cell, and alone writes its file. */
export const cellLock = (folder: string, place: Place): string => join(folder, 'locks', nameOf(place));

const cellPath = (folder: string, place: Place): string => join(folder, 'cells', `${nameOf(place)}.json`);

export async function readCell(folder: string, spec: AblationSpec, place: Place): Promise<Cell> {
  const value = await readJson(cellPath(folder, place)).catch(() => undefined);
  // A cell that no process began has no file; one that cannot be read runs again, with its stages in the store.
  const parsed = cellSchema.safeParse(value);
  return parsed.success ? parsed.data : { arm: spec.arms[place.arm]?.name ?? '', seed: place.seed, state: 'waiting' };
}

export async function writeCell(folder: string, place: Place, cell: Cell): Promise<void> {
  await writeAtomic(cellPath(folder, place), `${JSON.stringify(cell, null, 2)}\n`);
}

export async function readSpec(folder: string): Promise<AblationSpec> {
  const path = join(folder, 'ablation.json');
  const parsed = ablationSpecSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `${path} is no record of an ablation that this version can read`,
    received: parsed.error.issues.map(({ path: where, message }) => `${where.join('.')}: ${message}`).join('; '),
    expected: 'a record of format 1',
    fix: 'read it with the version of trainbook that wrote it',
  });
}

/** Reads the cells that may still change; `known` has those that are final. */
export async function readCells(folder: string, spec: AblationSpec, known = new Map<number, Cell>()): Promise<Cell[]> {
  return Promise.all(
    placesOf(spec).map(async (place, index) => {
      const before = known.get(index);
      if (before !== undefined) return before;
      const cell = await readCell(folder, spec, place);
      if (isFinal(cell)) known.set(index, cell);
      return cell;
    }),
  );
}

export const isFinal = ({ state }: Cell): boolean => state === 'done' || state === 'failed' || state === 'stopped';

/**
 * All that an ablation's folder tells. A cell whose process is dead says it is running still: it is waiting.
 *
 * @throws TrainbookError if the folder has no ablation, or one of another version
 * @example
 * const record = await readAblation('runs/ablations/norms/2026-11-29-153002-a41c');
 */
export async function readAblation(folder: string): Promise<AblationRecord> {
  const spec = await readSpec(folder);
  const places = placesOf(spec);
  const cells = await Promise.all(
    (await readCells(folder, spec)).map(async (cell, index): Promise<Cell> => {
      const place = places[index];
      const alive = cell.state !== 'running' || (place !== undefined && (await isLocked(cellLock(folder, place))));
      return alive ? cell : { ...cell, state: 'waiting' };
    }),
  );
  return { folder, spec, cells };
}
