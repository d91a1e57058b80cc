import { workerData } from 'node:worker_threads';
import type { ErrorParts } from '../../error.js';
import type { Job } from './work.js';

// Imported by await, so that this file cannot be `require`d: the pool then imports it, and each module is loaded once.
const { openWork } = await import('./work.js');
const { runTask } = await import('./run-task.js');
const { TrainbookError } = await import('../../error.js');

export interface TaskOfStage {
  readonly stage: number;
  readonly task: number;
}

/** What goes wrong for the user travels as its parts: an error of a class would lose its class on the way. */
export interface Reply {
  readonly refused?: ErrorParts;
}

const work = openWork(workerData as Job);

/** One task, in a thread of the pool. */
export default async function task({ stage, task: number }: TaskOfStage): Promise<Reply> {
  try {
    await runTask(await work, stage, number);
    return {};
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    const { what, received, expected, fix } = error.parts;
    return {
      refused: {
        what,
        ...(received === undefined ? {} : { received }),
        ...(expected === undefined ? {} : { expected }),
        ...(fix === undefined ? {} : { fix }),
      },
    };
  }
}
