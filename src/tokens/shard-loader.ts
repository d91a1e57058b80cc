import { permutation } from '../engine/key.js';
import { feistelPermutation } from './feistel.js';
import { emptyBatch, endless, listed } from './loader.js';
import type { Batch, Loader, LoaderOptions } from './loader.js';
import type { Shards } from './open-shards.js';
import { checkContext, numberDocuments } from './pack.js';

export interface ShardLoaderOptions extends LoaderOptions {
  readonly context: number;
  /** Whether batches say where documents are: `documents` and `positions`. Default: no. */
  readonly documents?: boolean;
}

/** Up to so many rows an epoch's order is drawn as a list, 256 KB; of more rows it is computed row by row. */
const mostListed = 65_536;

/**
 * Batches of the rows that `pack` would make by concatenation, read from disk when they are asked for: in each epoch every row
 * once, in an order given by the key and the number of the epoch. An order of many rows is computed row by row
 * (`feistelPermutation`), so memory does not grow with the corpus. Neither rows nor order depend on how the tokens are cut into
 * shards.
 *
 * @throws TrainbookError as `loader` does; while reading, if a shard is damaged.
 * @example
 * const model = await pretrain(architecture, {
 *   data: (options) => shardLoader(shards, { ...options, context: 256 }),
 *   ...config.train,
 *   key,
 * });
 */
export function shardLoader(shards: Shards, options: ShardLoaderOptions): Loader {
  const { context, documents: numbersDocuments = false } = options;
  checkContext('shardLoader', context);
  const { numTokens, endOfText } = shards;
  const numRows = Math.ceil(numTokens / context);
  const tokens = new Int32Array(context + 1);
  return endless<Batch>('shardLoader', options, {
    numRows,
    empty: (batchSize) => emptyBatch(batchSize, context, numbersDocuments),
    order: (key) => (numRows <= mostListed ? listed(permutation(key, numRows)) : feistelPermutation(key, numRows)),
    copy(row, batch, place) {
      const start = row * context;
      const numTargets = Math.min(context, numTokens - start);
      shards.read(start, tokens.fill(endOfText).subarray(0, numTargets + 1));
      const seen = tokens.subarray(0, context);
      const offset = place * context;
      batch.inputs.set(seen, offset);
      batch.targets.set(tokens.subarray(1), offset);
      batch.weights.fill(1, offset, offset + numTargets);
      const { documents, positions } = batch;
      if (documents && positions) numberDocuments(seen, endOfText, documents, positions, offset);
    },
  });
}
