import { fold, permutation, uniformNumbers } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { copyRow, emptyBatch, endless, listed } from '../loader.js';
import type { Batch, Loader, LoaderOptions } from '../loader.js';
import type { Packed } from '../pack.js';

/** Rows whose beginning is read at once, and whose rest is to be written. */
export interface PrefixBatch extends Batch {
  readonly prefix: Int32Array;
}

/**
 * Batches for a prefix language model: of each row a first part, its length drawn evenly by key from 1 to context − 1 in each epoch anew,
 * is seen by all of its tokens; what comes after it counts, and is predicted from left to right. Raffel 2019, "T5" (1910.10683), section
 * 3.2.1; Liu 2018 (1801.10198). `causalLanguageModel` learns it: the batch says what is seen.
 *
 * @throws TrainbookError as `loader` does, or if the rows say where documents are: a prefix is of one text.
 * @example
 * await train(model, { objective: causalLanguageModel(), data: (options) => prefixLoader(pack(texts, tokenizer, 256), options), … });
 */
export function prefixLoader(packed: Packed, options: LoaderOptions): Loader<PrefixBatch> {
  const { context, numRows } = packed;
  if (packed.documents !== undefined || context < 2) {
    throw new TrainbookError({
      what: 'prefixLoader: a prefix is the beginning of one text',
      received: context < 2 ? 'rows of one token' : 'rows that say where their documents are',
      expected: 'rows of at least 2 tokens, without documents',
      fix: "pack(corpus, tokenizer, context, { form: 'concatenate' })",
    });
  }
  const ofPrefixes = fold(options.key, 'prefix');
  return endless<PrefixBatch>('prefixLoader', options, {
    numRows,
    empty: (batchSize) => ({ ...emptyBatch(batchSize, context, false), prefix: new Int32Array(batchSize) }),
    order: (key) => listed(permutation(key, numRows)),
    copy: (row, batch, place, epoch) => {
      const [uniform = 0] = uniformNumbers(fold(fold(ofPrefixes, epoch), row), 1);
      const prefix = 1 + Math.floor(uniform * (context - 1));
      copyRow(packed, row, batch, place);
      batch.prefix[place] = prefix;
      // The last token of the prefix predicts the first that counts.
      batch.weights.fill(0, place * context, place * context + prefix - 1);
    },
  });
}
