import { hash } from '../files.js';
import type { Json } from '../files.js';

/**
 * A text and where it comes from: the unit that is kept or dropped, and that lies wholly in the training or the held-out part.
 *
 * @example
 * { id: '0a94…', text: 'The Fulton County Grand Jury said …', source: 'brown', domain: 'news', language: 'en', meta: { id: 'ca01' } }
 */
export interface Document {
  /** The hash of the text as it was read. It stays when a step changes the text: it is the document's name in the ledger. */
  readonly id: string;
  readonly text: string;
  /** The data set by name, or the file by path. */
  readonly source: string;
  /** The kind of text: a genre or subject of the data set; the source where it has none. Splits and shares are made by it. */
  readonly domain: string;
  /** BCP 47, such as `en` or `zh`. */
  readonly language?: string;
  readonly title?: string;
  /** Whatever else the file says of it. */
  readonly meta?: Readonly<Record<string, Json>>;
}

/** Everything of a document but its id. */
export type DocumentFields = Omit<Document, 'id'>;

/** A document as it is read: its id is the hash of its text. */
export function document(fields: DocumentFields): Document {
  return { id: hash(fields.text), ...fields };
}

/** Characters are UTF-16 code units: what `text.length` says. */
export function countCharacters(documents: readonly Document[]): number {
  return documents.reduce((sum, { text }) => sum + text.length, 0);
}

/**
 * Orders documents by what they are, not by where they stand: by id, then source, domain and text. Steps that choose by key
 * choose from documents in this order, so that their choice does not depend on the order of the files.
 */
export function compareDocuments(a: Document, b: Document): number {
  return (
    compareText(a.id, b.id) ||
    compareText(a.source, b.source) ||
    compareText(a.domain, b.domain) ||
    compareText(a.text, b.text)
  );
}

/** Order of UTF-16 code units: the same in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
