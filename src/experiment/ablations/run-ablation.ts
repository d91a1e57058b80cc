import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked } from '../lock.js';
import type { Ablation } from './ablation.js';
import { cellLock, isFinal, placesOf, readAblation, readCells } from './cells.js';
import { standings } from './halving.js';
import { openAblation } from './open-ablation.js';
import type { AblationPlace, OpenAblation } from './open-ablation.js';
import type { AblationRecord, Cell } from './record.js';
import { retryFailed, runCell } from './run-cell.js';
import type { CellEvent, CellOutcome } from './run-cell.js';

export type AblationEvent =
  | {
      readonly type: 'ablation-start';
      readonly folder: string;
      readonly resumed: boolean;
      readonly cells: readonly Cell[];
    }
  | CellEvent
  | { readonly type: 'message'; readonly text: string };

/** Runs one cell at a time: this process, or one that it started. */
export interface CellWorker {
  run(cell: number): Promise<CellOutcome>;
  close(): Promise<void>;
}

/** Several workers at once. */
export interface Workers {
  readonly workers: readonly CellWorker[];
  /** Whether one more cell may begin beside those that run. */
  readonly hasRoom: (numRunning: number) => Promise<boolean>;
  /** Tells those that run to save and stop: the signal has aborted. */
  readonly interrupt: () => void;
}

export interface AblationRunOptions extends AblationPlace {
  readonly onEvent?: (event: AblationEvent) => void;
  /** Runs cells that failed before once more. */
  readonly retry?: boolean;
  /** If not given, cells run one after another in this process. */
  readonly startWorkers?: (open: OpenAblation, onEvent: (event: AblationEvent) => void) => Workers;
}

/** An ablation that has ended, or was interrupted. */
export interface AblationRun {
  readonly folder: string;
  readonly state: 'done' | 'interrupted';
  readonly record: AblationRecord;
}

/** Milliseconds until the cells of other processes are looked at again. */
const pause = 200;

/**
 * Runs an ablation: each arm with each seed is an ordinary run, so stages that arms share come from the store. Its record is
 * written first; started again after a kill or an interrupt it goes on, and any number of processes, on any number of machines with the
 * same `runs/`, may work on it at once. Arms that fail are kept with their error.
 *
 * @example
 * const { record } = await runAblation(norms, { numericClass: engineName() });
 * const table = compareArms(record);
 */
export async function runAblation(ablation: Ablation, options: AblationRunOptions): Promise<AblationRun> {
  const { onEvent = () => undefined, retry = false, startWorkers, ...place } = options;
  const open = await openAblation(ablation, place);
  return workOn(open, { onEvent, retry, ...(startWorkers && { startWorkers }) });
}

/** Works on an open ablation until every cell is final, or the signal aborts. */
export async function workOn(
  open: OpenAblation,
  { onEvent = () => undefined, retry = false, startWorkers }: Omit<AblationRunOptions, keyof AblationPlace>,
): Promise<AblationRun> {
  const { folder, spec, place, resumed } = open;
  if (retry) await retryFailed(open);
  onEvent({ type: 'ablation-start', folder, resumed, cells: (await readAblation(folder)).cells });
  const { workers, hasRoom, interrupt } = startWorkers?.(open, onEvent) ?? inThisProcess(open, onEvent);
  const order = orderOf(spec.arms.length, spec.seeds.length);
  const places = placesOf(spec);
  const known = new Map<number, Cell>();
  const taken = new Set<number>();
  let failure: { readonly error: unknown } | undefined;
  const stopped = (): boolean => failure !== undefined || place.signal?.aborted === true;

  /** The next cell that nobody runs: its number; or why there is none. */
  const choose = async (): Promise<number | 'wait' | 'end'> => {
    if (!(await hasRoom(taken.size))) return 'wait';
    const cells = await readCells(folder, spec, known);
    if (cells.every(isFinal)) return 'end';
    const all = standings(spec, cells);
    for (const index of order) {
      const next = all[index]?.next;
      const where = places[index];
      if ((next !== 'run' && next !== 'stop') || where === undefined || taken.has(index)) continue;
      if (await isLocked(cellLock(folder, where))) continue;
      taken.add(index);
      return index;
    }
    return 'wait';
  };

  let choosing: Promise<number | 'wait' | 'end'> = Promise.resolve('wait' as const);
  const lane = async (worker: CellWorker): Promise<void> => {
    while (!stopped()) {
      // One lane after the other: two must not choose the same cell, nor the same room.
      const index = await (choosing = choosing.then(choose));
      if (index === 'end') return;
      if (index === 'wait') {
        await sleep(pause);
        continue;
      }
      try {
        const outcome = stopped() ? 'interrupted' : await worker.run(index);
        if (outcome === 'busy') await sleep(pause);
      } finally {
        taken.delete(index);
      }
    }
  };

  place.signal?.addEventListener('abort', interrupt);
  try {
    await Promise.all(
      workers.map((worker) =>
        lane(worker).catch((error: unknown) => {
          failure ??= { error };
        }),
      ),
    );
  } finally {
    place.signal?.removeEventListener('abort', interrupt);
    await Promise.all(workers.map((worker) => worker.close()));
  }
  if (failure !== undefined) throw failure.error;
  const record = await readAblation(folder);
  return { folder, state: record.cells.every(isFinal) ? 'done' : 'interrupted', record };
}

function inThisProcess(open: OpenAblation, onEvent: (event: AblationEvent) => void): Workers {
  const worker: CellWorker = {
    run: (cell) => runCell(open, cell, onEvent),
    close: () => Promise.resolve(),
  };
  return { workers: [worker], hasRoom: () => Promise.resolve(true), interrupt: () => undefined };
}

/** All arms with the first seed, then all with the second: the first comparison is there early. */
function orderOf(numArms: number, numSeeds: number): number[] {
  return Array.from({ length: numSeeds }, (_, seed) =>
    Array.from({ length: numArms }, (_each, arm) => arm * numSeeds + seed),
  ).flat();
}
