import { permutation } from '../../../engine/key.js';
import { endless, listed } from '../../../tokens/loader.js';
import type { Loader, LoaderOptions } from '../../../tokens/loader.js';
import type { EncodedProblem } from '../problems.js';

/** Problems of a step, of one process. */
export interface ProblemBatch {
  /** Their numbers among all problems. */
  readonly rows: number[];
  /** Where in the batch of all processes each stands. */
  readonly places: number[];
  readonly prompts: Int32Array[];
}

/**
 * Batches of problems: in each epoch every one once, in an order given by the key. With `draws` a batch has that many times its size, of
 * which a method takes what it needs: an epoch is then as many times shorter.
 */
export function problemLoader(
  problems: readonly EncodedProblem<unknown>[],
  options: LoaderOptions,
  draws: number,
): Loader<ProblemBatch> {
  const { index, count } = options.reader ?? { index: 0, count: 1 };
  const all = endless<ProblemBatch>(
    'reinforce',
    { ...options, batchSize: options.batchSize * draws },
    {
      numRows: problems.length,
      empty: () => ({ rows: [], places: [], prompts: [] }),
      order: (key) => listed(permutation(key, problems.length)),
      copy: (row, batch, place) => {
        batch.rows[place] = row;
        batch.places[place] = place * count + index;
        batch.prompts[place] = problems[row]?.tokens ?? new Int32Array(0);
      },
      documentsOf: (row) => [`problem ${row}`],
    },
  );
  return {
    next: () => all.next(),
    get cursor() {
      return all.cursor;
    },
    numRows: Math.ceil(all.numRows / draws),
    get lastRows() {
      return all.lastRows ?? [];
    },
    ...(all.documentsOf && { documentsOf: all.documentsOf }),
  };
}
