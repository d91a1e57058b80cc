import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { takeSnapshot, writeCheckpoint } from './checkpoint.js';
import type { CheckpointFiles } from './checkpoint.js';
import { checkpointName, checkpointNames, stepOf } from './checkpoint-state.js';
import type { Position } from './checkpoint-state.js';
import type { OnTrainEvent, TrainEvent } from '../event.js';
import type { TrainingCells } from '../step.js';

/** What came of a checkpoint. */
export type SaveEvent = Extract<TrainEvent, { readonly type: 'checkpoint' | 'unsaved' }>;

/** Writes checkpoints while the training goes on, one at a time. */
export interface Saver {
  /** Holds the cells as they are now and begins to write them, once the checkpoint before is written. */
  begin(position: Omit<Position, 'run'>): Promise<void>;
  /** Waits for what is being written. */
  settle(): Promise<void>;
  /**
   * What has been written, or could not be, since this was last asked.
   *
   * @throws what went wrong, if it was not the system that refused.
   */
  events(): SaveEvent[];
}

export interface SaverOptions<Weights> extends CheckpointFiles<Weights> {
  readonly keepLast: number;
  readonly run: string;
  /** The step whose checkpoint an earlier process of the run kept as the best. */
  readonly best: number | undefined;
}

/**
 * A saver of a training's cells. The disk needs room for one checkpoint more than are kept; memory, while one is written, for the cells
 * once more, and one tensor.
 *
 * @example
 * const saver = startSaver('checkpoints', training.cells, { files, keepLast: 2, run, best: undefined });
 * await saver.begin({ step: 100, cursor, watch });
 */
export function startSaver<Weights>(folder: string, cells: TrainingCells, options: SaverOptions<Weights>): Saver {
  const { keepLast, run } = options;
  let { best } = options;
  let running = Promise.resolve();
  let events: SaveEvent[] = [];
  let fault: { readonly cause: unknown } | undefined;
  const write = async (snapshot: ReturnType<typeof takeSnapshot>, position: Omit<Position, 'run'>): Promise<void> => {
    const { step, watch } = position;
    try {
      await removeLeftovers(folder);
      const written = await writeCheckpoint(folder, snapshot, { ...position, run }, options);
      events.push({ type: 'checkpoint', step, folder: written });
      // A best one that could not be written leaves the best before it in place.
      if (watch.best?.step === step) best = step;
      await removeOthers(folder, { step, keepLast, best }).catch(() => undefined); // the next one will try again
    } catch (cause) {
      if (!isRefusal(cause)) {
        fault ??= { cause };
        return;
      }
      events.push({ type: 'unsaved', step, folder, cause });
      console.warn(
        `trainbook: the checkpoint of step ${step} was not written (${cause.message}); those before it stay`,
      );
    }
  };
  return {
    begin: async (position) => {
      await running;
      running = write(takeSnapshot(cells), position);
    },
    settle: () => running,
    events: () => {
      if (fault !== undefined) throw fault.cause;
      const told = events;
      events = [];
      return told;
    },
  };
}

/**
 * Tells what came of checkpoints. `last` is the step of one after which nothing is written any more.
 *
 * @throws TrainbookError if that one could not be written.
 */
export function reportSaves(saver: Saver | undefined, on: OnTrainEvent, last: number | undefined): void {
  for (const event of saver?.events() ?? []) {
    on(event);
    if (event.type === 'unsaved' && event.step === last) throw unsaved(event);
  }
}

/** Whether the operating system would not let something be written: no room, no right, no such disk any more. */
function isRefusal(cause: unknown): cause is Error {
  if (!(cause instanceof Error)) return false;
  return ('errno' in cause && 'syscall' in cause) || isRefusal(cause.cause);
}

/** Removes what a killed process left half-written. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []); // not there yet
  for (const name of names) {
    const isLeftover = /^step-\d+\..*\.tmp$/.test(name);
    if (isLeftover) await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined); // the write will say so
  }
}

/** Removes all but the newest ones and the best one, and damaged ones that were passed over: those of later steps. */
async function removeOthers(
  folder: string,
  { step, keepLast, best }: { readonly step: number; readonly keepLast: number; readonly best: number | undefined },
): Promise<void> {
  const names = await checkpointNames(folder);
  const kept = new Set(names.filter((name) => stepOf(name) <= step).slice(0, keepLast));
  if (best !== undefined) kept.add(checkpointName(best));
  for (const name of names) {
    if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function unsaved({ step, folder, cause }: Extract<SaveEvent, { readonly type: 'unsaved' }>): TrainbookError {
  return new TrainbookError({
    what: `train: the checkpoint of step ${step}, the last one, was not written into ${folder}`,
    received: cause.message,
    expected: 'a folder that can be written, with room for one checkpoint more than are kept',
    fix: 'make room or give the right to write, and start again: training goes on from the checkpoint before',
    cause,
  });
}
