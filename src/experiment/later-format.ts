import { TrainbookError } from '../error.js';

/** For a record or artifact that a later version of trainbook wrote: it is neither read nor touched. */
export function laterFormat(what: string, format: number): TrainbookError {
  return new TrainbookError({
    what: `${what} was written by a later version of trainbook`,
    received: `format ${format}`,
    expected: 'format 1',
    fix: 'npm install trainbook@latest, or give another folder for runs (--runs)',
  });
}
