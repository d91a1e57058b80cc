import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { ablationSpecSchema, cellSchema } from '../../experiment/ablations/record.js';
import type { AblationRecord, Cell } from '../../experiment/ablations/record.js';
import type { Summary } from '../../figure.js';
import { readJson } from '../../files.js';
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

function mistaken(path: string, error: z.ZodError): TrainbookError {
  return new TrainbookError({
    what: `${path} is not a record of an ablation that this version can read`,
    received: z.prettifyError(error),
    expected: 'a record of format 1',
    fix: 'read it with the version of trainbook that wrote it',
  });
}

/** The spec of an ablation and all its cells, in the order of arms and seeds; a cell without a record is waiting. */
export async function readAblation(given: string): Promise<AblationRecord> {
  const folder = resolve(given);
  const path = join(folder, 'ablation.json');
  const spec = ablationSpecSchema.safeParse(await readJson(path));
  if (!spec.success) throw mistaken(path, spec.error);
  const { arms, seeds } = spec.data;
  const cells = arms.flatMap(({ name }, index) => seeds.map((seed) => ({ name, index, seed })));
  const read = cells.map(async ({ name, index, seed }): Promise<Cell> => {
    const file = join(folder, 'cells', `${index}-${seed}.json`);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) return { arm: name, seed, state: 'waiting' };
    const cell = cellSchema.safeParse(JSON.parse(text));
    if (!cell.success) throw mistaken(file, cell.error);
    return cell.data;
  });
  return { folder, spec: spec.data, cells: await Promise.all(read) };
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

/** Reads an ablation and the runs of its cells, one after another: only what a report shows is kept of each. */
export async function readAblationRuns(folder: string): Promise<AblationRuns> {
  const record = await readAblation(folder);
  const runsFolder = resolve(record.folder, '..', '..', '..');
  const runs: (CellRun | undefined)[] = [];
  for (const { run } of record.cells) {
    // A run that was removed, or that has not begun, leaves its cell's record alone.
    runs.push(run === undefined ? undefined : await readCellRun(join(runsFolder, run)).catch(() => undefined));
  }
  return { record, runs };
}
