import type { Cursor, Loader } from '../tokens/loader.js';

/** Where a batch comes from, to say it of a step that stands out. */
export interface BatchOrigin {
  /** Such as `the 8 rows before row 640 of epoch 0`. */
  readonly rows: string;
  /** The ids of its documents, each once, as far as the loader knows them; looked up only when they are asked for. */
  readonly documents: () => readonly string[];
}

/** Where the batch that a loader has just given comes from. */
export function batchOrigin<B>({ cursor, lastRows, documentsOf }: Loader<B>, batchSize: number): BatchOrigin {
  return {
    rows: rowsBefore(cursor, batchSize),
    documents: () => (lastRows && documentsOf ? [...new Set(lastRows.flatMap((row) => [...documentsOf(row)]))] : []),
  };
}

function rowsBefore({ epoch, row }: Cursor, batchSize: number): string {
  return `the ${batchSize} rows before row ${row} of epoch ${epoch}`;
}

/** So many ids are named in an error; events have all. */
const mostNamed = 10;

/** Rows and documents for a message: `the 8 rows before row 640 of epoch 0, documents 0a94…, 77c1… and 12 more`. */
export function describeOrigin({ rows, documents }: BatchOrigin): string {
  const ids = documents();
  if (ids.length === 0) return rows;
  const more = ids.length > mostNamed ? ` and ${ids.length - mostNamed} more` : '';
  return `${rows}, document${ids.length === 1 ? '' : 's'} ${ids.slice(0, mostNamed).join(', ')}${more}`;
}
