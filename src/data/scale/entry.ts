import { compareText } from '../document.js';
import type { Document } from '../document.js';
import { compareCanonically } from '../joint-step.js';
import type { Fate } from '../ledger/ledger.js';

// A document on its way through the stages, a line of JSON:
// {"document":{"id":"0a94…","text":"The Fulton County …","source":"brown","domain":"news"},
//  "fate":{"id":"0a94…","source":"brown","domain":"news","characters":12176,"bytes":12201,"place":{"file":"…","row":1},"events":[]}}

/** A document as the steps so far left it, and what became of it so far. */
export interface Entry {
  readonly document: Document;
  readonly fate: Fate;
}

export function entryLine(entry: Entry): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}

/** The entries of whole lines. */
export function* parseEntries(lines: Buffer): Generator<Entry, undefined> {
  for (let start = 0; start < lines.length;) {
    const feed = lines.indexOf(0x0a, start);
    const end = feed < 0 ? lines.length : feed;
    yield JSON.parse(lines.toString('utf8', start, end)) as Entry;
    start = end + 1;
  }
}

/** The canonical order; of documents that are equal in all, the order of the files and rows. */
export function compareEntries(a: Entry, b: Entry): number {
  return (
    compareCanonically(a.document, b.document) ||
    compareText(a.fate.place?.file ?? '', b.fate.place?.file ?? '') ||
    (a.fate.place?.row ?? 0) - (b.fate.place?.row ?? 0)
  );
}

/**
 * The bucket of a document: buckets divide the ids in order, so that the documents of bucket 0, then 1, … are in the canonical
 * order if those of each bucket are.
 */
export function bucketOf(id: string, buckets: number): number {
  const prefix = Number.parseInt(id.slice(0, 8), 16);
  return Math.min(buckets - 1, Math.floor((prefix / 2 ** 32) * buckets));
}
