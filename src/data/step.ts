import type { Document } from './document.js';

/** What a step decides about one document. */
export type Verdict = Kept | Dropped;

export interface Kept {
  /** The document as it goes on: itself, or a changed copy with the same id. */
  readonly keep: Document;
  /** How often each rule changed it, such as `{ 'trailing spaces': 12 }`; absent if nothing changed. */
  readonly changes?: Readonly<Record<string, number>>;
  /** For some of these rules the first thing it met, shortened; never personal data itself. */
  readonly evidence?: Readonly<Record<string, string>>;
  /** Numbers that the step measured on it, such as `{ perplexity: 212.4 }`: they stand in the ledger. */
  readonly scores?: Readonly<Record<string, number>>;
}

export interface Dropped {
  /** The rule that drops it, in a few words that stay equal from document to document: they are counted. */
  readonly drop: string;
  /** The document it is like, by id: what duplicates name. */
  readonly like?: string;
  /** The number behind the decision, such as the similarity to `like`. */
  readonly score?: number;
  /** What in the document led to it, in a few words of its own, shortened; never personal data itself. */
  readonly evidence?: string;
}

/**
 * One thing that is done to all documents: a plain value, made by a function that holds its options. `judge` gives one verdict
 * for each document, in their order; it writes nothing down itself: the ledger is kept by the pipeline.
 *
 * A step is best made as a `localStep` or a `jointStep`: these run on shards, in any number of processes, too.
 *
 * @example
 * const few: Step = {
 *   name: 'first thousand',
 *   judge: (documents) => documents.map((keep, index) => (index < 1000 ? { keep } : { drop: 'after the first thousand' })),
 * };
 */
export interface Step {
  readonly name: string;
  judge(documents: readonly Document[]): readonly Verdict[] | Promise<readonly Verdict[]>;
  /** Where another thread finds this step; absent for steps that hold something that does not travel, such as a function of the user's. */
  readonly made?: Made;
}

/**
 * How a step was made: `(await import(module))[name](...options)` makes it again. Options are plain values that survive a
 * structured clone.
 *
 * @example
 * { module: import.meta.url, name: 'deduplicate', options: [{ threshold: 0.9 }] }
 */
export interface Made {
  readonly module: string;
  readonly name: string;
  readonly options: readonly unknown[];
}
