import { TrainbookError } from '../../error.js';
import { hash } from '../../files.js';
import type { Json } from '../../files.js';
import { document } from '../document.js';
import type { Document } from '../document.js';
import type { Chunks } from './bytes.js';
import { mendSurrogates } from './decode.js';
import type { ReadOptions } from './options.js';
import type { Origin, ReadDocument } from './read.js';

/** A file that is being read. */
export interface OpenFile {
  /** Where it lies. */
  readonly disk: string;
  /** What it is called in errors and in the ledger. */
  readonly path: string;
  readonly origin: Origin;
  readonly options: ReadOptions;
  /** Its bytes, unpacked. */
  readonly bytes: Chunks;
}

/** Reads one format: the documents of a file, some at a time. */
export type FormatReader = (file: OpenFile) => AsyncGenerator<readonly ReadDocument[], void>;

/** A document as a reader found it. */
export interface FoundParts {
  readonly text: string;
  readonly row: number;
  /** Sequences of its bytes that were not UTF-8. */
  readonly numInvalid?: number;
  readonly title?: string | undefined;
  readonly domain?: string | undefined;
  readonly language?: string | undefined;
  readonly meta?: Readonly<Record<string, Json>>;
  /** The rule by which reading drops it, such as `redirect`. */
  readonly drop?: string | undefined;
  /** What led to it, in a few words: no text of the document. */
  readonly evidence?: string;
  /** What it was made of: its hash is the id where there is no text. */
  readonly raw?: Buffer | string;
}

/** The document, kept unless it has no text or is to be dropped. */
export function found({ path, origin }: OpenFile, parts: FoundParts): ReadDocument {
  const { text, numInvalid } = mendSurrogates(parts.text);
  const place = { file: path, row: parts.row };
  const { title, domain, language, meta = {}, raw } = parts;
  const fields = {
    text,
    ...origin,
    ...(domain === undefined ? {} : { domain }),
    ...(language === undefined ? {} : { language }),
    ...(title === undefined ? {} : { title }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
  };
  const read = text === '' && raw !== undefined ? { id: hash(raw), ...fields } : document(fields);
  return { ...judgedFound(read, (parts.numInvalid ?? 0) + numInvalid, parts), place };
}

function judgedFound(read: Document, replaced: number, { drop, evidence }: FoundParts): Omit<ReadDocument, 'place'> {
  if (drop !== undefined) return { document: read, verdict: { drop, ...(evidence === undefined ? {} : { evidence }) } };
  if (read.text.trim() === '') return { document: read, verdict: { drop: 'no text' } };
  return {
    document: read,
    verdict:
      replaced === 0 ? { keep: read } : { keep: read, changes: { 'invalid UTF-8 sequences replaced': replaced } },
  };
}

/** What is wrong with a row. */
export interface BadRow {
  readonly row: number;
  /** In a few words that are equal for all rows of this kind: `not JSON`. Rejects are counted by it. */
  readonly drop: string;
  /** Such as `is not JSON`: it follows the place. */
  readonly what: string;
  /** The row, or its beginning. */
  readonly received: string;
  readonly expected: string;
  readonly fix?: string;
  readonly cause?: unknown;
  /** What of it may stand in the ledger: no text of the document. */
  readonly evidence?: string;
}

/** Characters of a rejected row that are kept to be looked at. */
const shownCharacters = 1000;

/**
 * A row that is no document: a reject.
 *
 * @throws TrainbookError unless rejects are asked for.
 */
export function rejected({ path, origin, options }: OpenFile, bad: BadRow): ReadDocument {
  const { row, drop, what, received, expected, fix, cause, evidence } = bad;
  if (options.onBadRow !== 'reject') {
    throw new TrainbookError({
      what: `load: ${path}:${row} ${what}`,
      received: received.length > 80 ? `${received.slice(0, 80)}…` : received,
      expected,
      fix: `${fix ?? 'mend the row'}; or { onBadRow: 'reject' } lists such rows and goes on`,
      ...(cause === undefined ? {} : { cause }),
    });
  }
  const { text } = mendSurrogates(received.slice(0, shownCharacters));
  return {
    document: { id: hash(received), text, ...origin },
    verdict: { drop, evidence: evidence ?? `${path}:${row} ${what}` },
    place: { file: path, row },
  };
}
