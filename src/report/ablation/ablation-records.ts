import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readAblation } from '../../experiment/ablations/cells.js';
import type { AblationRecord, Cell } from '../../experiment/ablations/record.js';
import type { Summary } from '../../figure.js';
import type { Json } from '../../files.js';
import { joulesOf } from '../document/run-document.js';
import { peakMemory, runSeconds } from '../document/headline.js';
import { dataOf } from '../document/origin.js';
import { isModels } from '../document/samples.js';
import { readRun } from '../records.js';
import type { RunRecords } from '../records.js';
import { partCurve } from './part-curve.js';
import type { PartCurve } from './part-curve.js';

/** What an ablation's report tells of the run of one cell: its metrics only as curves in parts, since there may be millions. */
export interface CellRun {
  readonly curves: ReadonlyMap<string, PartCurve>;
  readonly seconds: number;
  readonly secondsFromStore: number;
  readonly joules: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  readonly texts: NonNullable<Summary['texts']>;
  readonly environment: Readonly<Record<string, Json>>;
  readonly patch: string | undefined;
  /** Hashes of what its numbers were first made from. */
  readonly data: string;
}

/** An ablation with what its runs left. */
export interface AblationRuns {
  readonly record: AblationRecord;
  /** In the order of the record's cells; undefined where a cell has no run, or its run cannot be read. */
  readonly runs: readonly (CellRun | undefined)[];
}

/** Whether a folder is that of an ablation. */
export async function isAblation(folder: string): Promise<boolean> {
  return (await readdir(folder).catch((): string[] => [])).includes('ablation.json');
}

function curvesOf({ metrics }: RunRecords): Map<string, PartCurve> {
  const several = new Set(metrics.map(({ stage }) => stage)).size > 1;
  const found = new Map<string, { steps: number[]; values: number[] }>();
  for (const { stage, step, values } of metrics) {
    for (const [name, value] of Object.entries(values)) {
      const key = several ? `${name} of ${stage}` : name;
      let curve = found.get(key);
      if (curve === undefined) found.set(key, (curve = { steps: [], values: [] }));
      curve.steps.push(step);
      curve.values.push(value);
    }
  }
  // What was said but once, such as the energy of a training, is no curve.
  const curves = [...found].filter(([, { steps }]) => steps.length > 1);
  return new Map(curves.map(([name, { steps, values }]) => [name, partCurve(steps, values)]));
}

async function readCellRun(folder: string): Promise<CellRun> {
  const run = await readRun(folder);
  return {
    curves: curvesOf(run),
    seconds: runSeconds(run),
    secondsFromStore: run.stages.filter(({ cached }) => cached).reduce((sum, { seconds }) => sum + seconds, 0),
    joules: joulesOf(run),
    peakMemoryBytes: peakMemory(run),
    texts: run.stages.filter((stage) => isModels(run, stage)).flatMap(({ summary }) => summary.texts ?? []),
    environment: run.environment,
    patch: run.patch,
    data: dataOf(run, undefined),
  };
}

/** The runs of a cell, the last at the end: under successive halving there may be one for each rung. */
function runsOf({ run, rungs = [] }: Cell): string[] {
  const names = [...rungs.map((rung) => rung.run), ...(run === undefined ? [] : [run])];
  return [...new Set(names)].sort((a, b) => Number(a === run) - Number(b === run));
}

const add = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : a + b;

/** What a cell's last run shows, and what all of its runs took. A run that was removed, or that has not begun, is passed over. */
async function readCell(cell: Cell, runsFolder: string): Promise<CellRun | undefined> {
  let last: CellRun | undefined;
  for (const name of runsOf(cell)) {
    const found = await readCellRun(join(runsFolder, name)).catch(() => undefined);
    if (found === undefined) continue;
    last = {
      ...found,
      seconds: found.seconds + (last?.seconds ?? 0),
      secondsFromStore: found.secondsFromStore + (last?.secondsFromStore ?? 0),
      joules: add(found.joules, last?.joules),
      peakMemoryBytes: Math.max(found.peakMemoryBytes ?? 0, last?.peakMemoryBytes ?? 0) || undefined,
    };
  }
  return last;
}

/**
 * Reads an ablation and the runs of its cells, one after another: only what a report shows is kept of each.
 *
 * @throws TrainbookError if the folder has no ablation, or one that cannot be read
 */
export async function readAblationRuns(folder: string): Promise<AblationRuns> {
  const record = await readAblation(resolve(folder));
  const runsFolder = resolve(record.folder, '..', '..', '..');
  const runs: (CellRun | undefined)[] = [];
  for (const cell of record.cells) runs.push(await readCell(cell, runsFolder));
  return { record, runs };
}
