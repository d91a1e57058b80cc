import { rmSync } from 'node:fs';
import { TrainbookError } from '../../error.js';
import { fullDisk } from './full-disk.js';
import { finishTask } from './finish-task.js';
import { decideTask, findTask } from './joint-tasks.js';
import { judgeTask } from './judge-task.js';
import { writeDone } from './marker.js';
import type { Done } from './marker.js';
import { readTask } from './read-task.js';
import { DamagedFile } from './section-file.js';
import type { Stage } from './stage.js';
import type { Work } from './work.js';

/**
 * Does one task of a stage and marks it done.
 *
 * @throws TrainbookError as the steps do; for a full disk; for a file of an earlier stage that is damaged, whose task is then no
 *   longer done
 */
export async function runTask(work: Work, stage: number, task: number): Promise<void> {
  const which = work.stages[stage];
  if (which === undefined) throw new Error(`no stage ${stage}`);
  try {
    writeDone(work.folder, which.name, task, await doTask(work, which, task));
  } catch (error) {
    if (error instanceof DamagedFile) throw redo(error);
    throw fullDisk(error, work.folder);
  }
}

async function doTask(work: Work, stage: Stage, task: number): Promise<Done> {
  switch (stage.kind) {
    case 'read':
      return readTask(work, task);
    case 'judge':
      return judgeTask(work, stage, task);
    case 'find':
      return findTask(work, stage, task);
    case 'decide':
      return decideTask(work, stage);
    case 'finish':
      return finishTask(work, stage.last);
  }
}

function redo({ path, message }: DamagedFile): TrainbookError {
  rmSync(path.replace(/\.\w+$/u, '.done'), { force: true });
  return new TrainbookError({
    what: 'write: a file between two stages is damaged',
    received: message,
    expected: 'the bytes that were written',
    fix: 'run again: it is made again',
  });
}
