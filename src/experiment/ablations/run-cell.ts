import { performance } from 'node:perf_hooks';
import { relative } from 'node:path';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { destructuredNames } from '../destructured.js';
import type { RunEvent } from '../event.js';
import type { Experiment } from '../experiment.js';
import { tryLock } from '../lock.js';
import { readMetrics } from '../metrics.js';
import { configOf, runExperiment } from '../run.js';
import type { Run } from '../run.js';
import { cellLock, isFinal, placesOf, readCell, readCells, writeCell } from './cells.js';
import type { Place } from './cells.js';
import { standings } from './halving.js';
import type { OpenAblation } from './open-ablation.js';
import type { AblationSpec, Cell } from './record.js';

type Artifacts = Readonly<Record<string, unknown>>;

/** What happens to a cell; `cell` is its number in the order of the spec. */
export type CellEvent =
  | {
      readonly type: 'cell-start';
      readonly cell: number;
      readonly arm: string;
      readonly seed: number;
      readonly rung: number;
    }
  | { readonly type: 'cell-run'; readonly cell: number; readonly event: RunEvent }
  | { readonly type: 'cell-end'; readonly cell: number; readonly result: Cell };

/** `busy`: another process has it. `ended`: the cell is final, or its rung is done. */
export type CellOutcome = 'ended' | 'busy' | 'interrupted';

/**
 * Runs one arm with one seed to its end, or to the end of its rung, as an ordinary run. What the run throws is kept in the cell; the
 * ablation goes on.
 */
export async function runCell(
  open: OpenAblation,
  index: number,
  onEvent: (event: CellEvent) => void,
): Promise<CellOutcome> {
  const { folder, spec } = open;
  const place = placeOf(spec, index);
  const release = await tryLock(cellLock(folder, place));
  if (release === undefined) return 'busy';
  try {
    // All cells are read under the lock: between our choice and our lock another process may have run it.
    const cells = await readCells(folder, spec);
    const standing = standings(spec, cells)[index];
    const before = cells[index];
    if (before === undefined || standing === undefined || standing.next === 'nothing') return 'ended';
    if (standing.next === 'wait') return 'busy';
    const end = async (cell: Cell): Promise<'ended'> => {
      await writeCell(folder, place, cell);
      onEvent({ type: 'cell-end', cell: index, result: cell });
      return 'ended';
    };
    if (standing.next === 'stop') return await end({ ...before, state: 'stopped', rung: standing.rung });
    const { rung } = standing;
    const running: Cell = { ...before, state: 'running', ...(spec.halving === null ? {} : { rung }) };
    await writeCell(folder, place, running);
    onEvent({ type: 'cell-start', cell: index, arm: before.arm, seed: place.seed, rung });
    const result = await tryRun(open, place, running, rung, (event) => {
      onEvent({ type: 'cell-run', cell: index, event });
    });
    if (isFinal(result) || (result.rungs?.length ?? 0) > rung) return await end(result);
    await writeCell(folder, place, result);
    return 'interrupted';
  } finally {
    await release();
  }
}

export function placeOf(spec: AblationSpec, index: number): Place {
  const place = placesOf(spec)[index];
  if (place !== undefined) return place;
  throw new TrainbookError({
    what: `ablation ${spec.name} has no such cell`,
    received: index,
    expected: `0 to ${spec.arms.length * spec.seeds.length - 1}: ${spec.arms.length} arms, each with ${spec.seeds.length} seeds`,
  });
}

/** Runs a cell's rung and measures it: the cell as it is then. */
async function tryRun(
  open: OpenAblation,
  place: Place,
  before: Cell,
  rung: number,
  onEvent: (event: RunEvent) => void,
): Promise<Cell> {
  const { ablation, spec, place: where } = open;
  const began = performance.now();
  const seconds = (): number => (before.seconds ?? 0) + (performance.now() - began) / 1000;
  let run = before.run;
  try {
    const ended = await runExperiment(ablation.experiment as Experiment<never, Artifacts>, {
      ...withoutFile(where),
      config: ablation.config as never,
      set: settingsOf(spec, place, rung),
      seed: place.seed,
      ...(spec.to === undefined ? {} : { to: spec.to }),
      onEvent: (event) => {
        if (event.type === 'run-start') run = nameOfRun(open, event.folder);
        onEvent(event);
      },
    });
    run = nameOfRun(open, ended.folder);
    if (ended.state === 'interrupted') return { ...before, state: 'waiting', run, seconds: seconds() };
    const { value, also } = await measure(open, ended, settingsOf(spec, place, rung));
    const numRungs = spec.halving?.rungs.length;
    const rungs =
      numRungs === undefined
        ? {}
        : { rungs: [...(before.rungs ?? []), { run, value, seconds: (performance.now() - began) / 1000 }] };
    const measured = { ...before, run, seconds: seconds(), ...(also === undefined ? {} : { also }), ...rungs };
    return rung + 1 < (numRungs ?? 1) ? { ...measured, state: 'waiting' } : { ...measured, state: 'done', value };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ...before, state: 'failed', ...(run === undefined ? {} : { run }), error: text, seconds: seconds() };
  }
}

function nameOfRun({ folder }: OpenAblation, run: string): string {
  return relative(`${folder}/../../..`, run).replaceAll('\\', '/');
}

/** The file in a run's record is the experiment's, not the ablation's. */
function withoutFile({ file: _, ...rest }: OpenAblation['place']): Omit<OpenAblation['place'], 'file'> {
  return rest;
}

/** The config values of an arm at a rung, by path. */
export function settingsOf({ arms, halving }: AblationSpec, { arm }: Place, rung: number): Record<string, Json> {
  const value = halving?.rungs[rung];
  return { ...arms[arm]?.settings, ...(halving === null || value === undefined ? {} : { [halving.path]: value }) };
}

/** Looks at what a run made. Only artifacts that a measure names are read. */
async function measure(
  { ablation, place }: OpenAblation,
  run: Run<Artifacts>,
  set: Readonly<Record<string, Json>>,
): Promise<{ readonly value: number; readonly also?: Readonly<Record<string, number>> }> {
  const measures = Object.entries(ablation.measures);
  const stages = ablation.experiment.stages.map(({ name }) => name);
  const until = ablation.to === undefined ? stages.length : stages.indexOf(ablation.to) + 1;
  const needed = new Set(measures.flatMap(([, of]) => destructuredNames(of) ?? stages.slice(0, until)));
  const input: Record<string, unknown> = {
    config: configOf(ablation.experiment, { ...place, config: ablation.config, set }),
    metrics: await readMetrics(run.folder),
  };
  for (const stage of stages) if (needed.has(stage)) input[stage] = await run.artifact(stage);
  const values: Record<string, number> = {};
  for (const [name, of] of measures) {
    const value = of(input as never);
    if (name === ablation.measure && !Number.isFinite(value)) {
      throw new TrainbookError({
        what: `ablation ${ablation.name}: the measure gave no finite number`,
        received: `${name}: ${String(value)}`,
        fix: 'look at the metrics of the run: it may have diverged',
      });
    }
    if (Number.isFinite(value)) values[name] = value;
  }
  const { [ablation.measure]: value = Number.NaN, ...also } = values;
  return Object.keys(also).length === 0 ? { value } : { value, also };
}

/** Lets failed cells run once more. */
export async function retryFailed({ folder, spec }: OpenAblation): Promise<number> {
  let count = 0;
  for (const place of placesOf(spec)) {
    const release = await tryLock(cellLock(folder, place));
    if (release === undefined) continue;
    try {
      const { error: _, ...cell } = await readCell(folder, spec, place);
      if (cell.state !== 'failed') continue;
      await writeCell(folder, place, { ...cell, state: 'waiting' });
      count++;
    } finally {
      await release();
    }
  }
  return count;
}
