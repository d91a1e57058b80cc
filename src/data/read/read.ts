import type { Document } from '../document.js';
import type { Verdict } from '../step.js';

/** Where a document was found: the line of its file, or the number of its row or record there, from 1. */
export interface Place {
  readonly file: string;
  readonly row: number;
}

/** A document as it was found, and whether reading kept it. */
export interface ReadDocument {
  readonly document: Document;
  readonly verdict: Verdict;
  readonly place: Place;
}

/** What is known of all documents of a file before it is opened. */
export interface Origin {
  readonly source: string;
  readonly domain: string;
  readonly language?: string;
}
