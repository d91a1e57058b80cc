import { TrainbookError } from '../../error.js';
import type { Corpus } from '../corpus.js';
import { openLedger } from '../ledger/ledger.js';
import { Pipeline } from '../pipeline.js';
import { readShards } from '../scale/read-shards.js';
import { findShardCard } from '../scale/shard-card.js';
import { listInputs, namesOf, readInput } from './inputs.js';
import type { From, Source } from './inputs.js';
import type { ReadOptions } from './options.js';
import type { ReadDocument } from './read.js';

export interface LoadOptions extends ReadOptions {
  /** Where a local copy of a public data set lies, such as of `fineweb`; with several of them a folder for each by name. */
  readonly from?: From;
}

/**
 * Reads documents from data sets by name, files, folders and globs, by the endings of their names: JSON Lines (`.jsonl`, `.ndjson`), JSON (`.json`),
 * CSV and TSV, Parquet, Arrow IPC, WARC and WET, dumps of MediaWiki (`.xml`), HTML (main text), Markdown and plain text; each but Parquet also packed
 * (`.gz`, `.bz2`, `.zst`). Rows have their text in the field `text`, or as `fields` says; `title`, `domain` and `language` are taken where they are
 * strings, the rest goes to `meta`. Plain text is cut into passages of whole paragraphs (see `passages`), or where it has lines
 * `<|endoftext|>`, there.
 *
 * Bytes that are not UTF-8 are replaced by U+FFFD and counted in the ledger; documents without text are dropped there. The ledger knows the
 * file and row of each document. A folder that a pipeline wrote its shards to gives that corpus back, with its ledger. `load` holds all documents; `readInput` streams them, and so do pipelines over shards.
 *
 * @throws TrainbookError when awaited: for a name or file that is not there, a file that is empty, binary or of another kind, a row that cannot be
 *   read (with its line; unless `onBadRow` is `'reject'`), a file that ends too early, a changed data set, and where there is no document at all.
 * @example
 * const corpus = await load({ shares: { shakespeare: 0.6, brown: 0.4 } }).through(normalise());
 * const mine = await load('my.txt');
 * const reviews = load('reviews/*.csv', { fields: { text: 'body' }, onBadRow: 'reject' });
 * const web = load('fineweb', { from: '/data/fineweb' });
 */
export function load(source: Source, { from, ...options }: LoadOptions = {}): Pipeline {
  return new Pipeline(
    async () => {
      const [name = '', ...others] = namesOf(source);
      const shards = others.length === 0 ? await findShardCard(name) : undefined;
      if (shards !== undefined) return readShards(name, shards);
      const read: ReadDocument[] = [];
      for (const input of await listInputs(source, from)) {
        for await (const found of readInput(input, options)) read.push(found);
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
    },
    { source, options, ...(from === undefined ? {} : { from }) },
  );
}
