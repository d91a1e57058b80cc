import { TrainbookError } from '../../error.js';
import type { Corpus } from '../corpus.js';
import { openLedger } from '../ledger/ledger.js';
import type { Found } from '../ledger/ledger.js';
import { Pipeline } from '../pipeline.js';
import { listInputs, namesOf, readInput } from './inputs.js';
import type { Source } from './inputs.js';

/**
 * Reads documents. JSON Lines (`.jsonl`, `.ndjson`) hold one document a row, its text in the field `text`; `title`, `domain`
 * and `language` are taken where they are strings, the rest goes to `meta`. Plain text (`.txt`, `.text`, `.md`) is cut into passages
 * of whole paragraphs (see `passages`), or where it has lines `<|endoftext|>`, there. Each may be gzipped (`.gz`).
 *
 * Bytes that are not UTF-8 are replaced by U+FFFD and counted in the ledger; documents without text are dropped there.
 *
 * @throws TrainbookError when awaited: for a name or file that is not there, a file of another kind, JSON that is none (with its
 *   line), a gzip stream that ends too early, a changed data set, and where there is no document at all.
 * @example
 * const corpus = await load({ shares: { shakespeare: 0.6, brown: 0.4 } }).through(normalise());
 * const mine = await load('my.txt');
 */
export function load(source: Source): Pipeline {
  return new Pipeline(async () => {
    const read: Found[] = [];
    for (const input of await listInputs(source)) {
      let row = 0;
      for await (const found of readInput(input)) read.push({ ...found, file: input.path, row: ++row });
    }
    const documents = read.flatMap(({ verdict }) => ('keep' in verdict ? [verdict.keep] : []));
    if (documents.length === 0) {
      throw new TrainbookError({
        what: 'load: no documents with text',
        received: `${read.length} documents, all empty, in ${namesOf(source).join(', ')}`,
        expected: 'at least one document',
        fix: 'give files with text',
      });
    }
    const dropped = read.flatMap(({ document, verdict }) => ('keep' in verdict ? [] : [document]));
    return { documents, ledger: openLedger(read), dropped } satisfies Corpus;
  }, source);
}
