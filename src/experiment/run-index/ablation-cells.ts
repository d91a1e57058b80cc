import { listAblations } from '../ablations/list-ablations.js';
import type { Cell } from '../ablations/record.js';

/** A cell of an ablation, with the ablation that it belongs to. */
export interface AblationCell extends Cell {
  readonly ablation: string;
  readonly ablationId: string;
}

/** An ablation and its cells: one for each arm and seed. */
export interface AblationCells {
  readonly name: string;
  readonly id: string;
  readonly experiment: string;
  readonly createdAt: string;
  readonly measure: string;
  readonly cells: readonly AblationCell[];
}

/** The cells of all ablations below a folder of runs; what cannot be read is passed over. */
export async function listCells(runsFolder: string): Promise<AblationCells[]> {
  return (await listAblations(runsFolder)).map(({ spec, cells }) => {
    const { name, id, experiment, createdAt, measure } = spec;
    const about = { ablation: name, ablationId: id };
    return { name, id, experiment, createdAt, measure, cells: cells.map((cell) => ({ ...about, ...cell })) };
  });
}
