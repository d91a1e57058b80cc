import type { Document } from './document.js';

/** What a step decides about one document. */
export type Verdict = Kept | Dropped;

export interface Kept {
  /** The document as it goes on: itself, or a changed copy with the same id. */
  readonly keep: Document;
  /** How often each rule changed it, such as `{ 'trailing spaces': 12 }`; absent if nothing changed. */
  readonly changes?: Readonly<Record<string, number>>;
}

export interface Dropped {
  /** The rule that drops it, in a few words that stay equal from document to document: they are counted. */
  readonly drop: string;
  /** The document it is like, by id: what duplicates name. */
  readonly like?: string;
  /** The number behind the decision, such as the similarity to `like`. */
  readonly score?: number;
}

/**
 * One thing that is done to all documents: a plain value, made by a function that holds its options. `judge` gives one verdict
 * for each document, in their order; it writes nothing down itself: the ledger is kept by the pipeline.
 *
 * @example
 * const short: Step = {
 *   name: 'drop short',
 *   judge: (documents) => documents.map((keep) => (keep.text.length < 100 ? { drop: 'under 100 characters' } : { keep })),
 * };
 */
export interface Step {
  readonly name: string;
  judge(documents: readonly Document[]): readonly Verdict[] | Promise<readonly Verdict[]>;
}
