import { TrainbookError } from '../../error.js';

/** No space; a quota; a limit on the length of a file. */
const full = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** The error as one that says what to do, if it is that of a disk or quota that is full; else as it is. */
export function fullDisk(error: unknown, folder: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === undefined || !full.includes(code)) return error;
  return new TrainbookError({
    what: 'write: no space left on the disk',
    received: error instanceof Error ? error.message : code,
    expected: `free space at ${folder}: about twice the text, and once more for each step that looks at all documents`,
    fix: 'make room, then run again: what is done is not done again',
    cause: error,
  });
}
