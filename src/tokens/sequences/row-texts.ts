import { TrainbookError } from '../../error.js';
import type { Packed } from '../pack.js';
import type { TokenText } from '../texts.js';

/**
 * The rows of a packing as texts, each of context + 1 tokens, without the padding at the end of the last: what `denoisingLoader` and
 * `blankLoader` leave something out of. T5 is pretrained on such pieces of one long text, which begin and end where they happen to.
 *
 * @throws TrainbookError if the rows say where documents are: what is left out is of one text.
 * @example
 * const { text, target } = spanLengths(512);
 * const texts = rowTexts(pack(corpus.train, tokenizer, text - 1));
 */
export function rowTexts({ context, numRows, tokens, weights, documents }: Packed): TokenText[] {
  if (documents !== undefined) {
    throw new TrainbookError({
      what: 'rowTexts: a row is taken for one text',
      received: 'rows that say where their documents are',
      expected: 'rows without documents',
      fix: "pack(corpus, tokenizer, context, { form: 'concatenate' })",
    });
  }
  return Array.from({ length: numRows }, (_, row) => {
    const counted = weights.subarray(row * context, (row + 1) * context).lastIndexOf(1);
    const start = row * (context + 1);
    return { tokens: tokens.subarray(start, start + counted + 2) };
  });
}
