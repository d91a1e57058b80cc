import { TrainbookError } from '../error.js';

const full = ['ENOSPC', 'EDQUOT'];

/** Whether an error, or one that caused it, is that of a disk or quota that is full. */
export function isNoSpace(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (full.includes((each as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}

/** The error as one that says what to do, if it is that of a full disk; else the error as it is. */
export function explainNoSpace(error: unknown, what: string, folder: string): unknown {
  if (!isNoSpace(error) || error instanceof TrainbookError) return error;
  return new TrainbookError({
    what: `no space left on the disk: ${what} could not be written`,
    received: error instanceof Error ? error.message : String(error),
    expected: `free space at ${folder}`,
    fix: 'make room (npx trainbook store gc removes what no run needs), then run again: what is done is not done again',
    cause: error,
  });
}

/** Writes something; a full disk becomes an error that says what could not be written. */
export async function minded<R>(what: string, folder: string, write: () => Promise<R>): Promise<R> {
  try {
    return await write();
  } catch (error) {
    throw explainNoSpace(error, what, folder);
  }
}
