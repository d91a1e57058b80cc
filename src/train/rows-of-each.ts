import { TrainbookError } from '../error.js';

/**
 * Rows of a batch that each of several processes computes.
 *
 * @throws TrainbookError if the batch does not part evenly.
 */
export function rowsOfEach(batchSize: number, workers: number): number {
  if (Number.isInteger(workers) && workers > 0 && batchSize % workers === 0) return batchSize / workers;
  throw new TrainbookError({
    what: 'train: a batch does not part evenly over the processes',
    received: `${batchSize} rows for ${workers} processes`,
    expected: 'a number of processes that divides batchSize',
    fix: 'give another batchSize, or another number of processes',
  });
}
