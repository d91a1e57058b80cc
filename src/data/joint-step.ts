import type { Json } from '../files.js';
import { compareDocuments, compareText } from './document.js';
import type { Document } from './document.js';
import type { Made, Step, Verdict } from './step.js';

/** Documents by their number in the canonical order, which depends on the documents alone and not on how they came. */
export interface Numbered {
  readonly count: number;
  /** The document of that number: 0 … count − 1. Cheap in memory, a read of a file on shards. */
  read(number: number): Document;
}

/** Rows of numbers, sorted: compared number by number, so that their order depends on nothing but what they are. */
export type Rows = readonly Float64Array[];

/**
 * The three acts of a step whose verdicts depend on other documents. No act holds all documents, and nothing depends on
 * their order: on shards the acts run in many processes, and the result is the same.
 */
export interface Acts<Decision extends Json> {
  /**
   * Act 1, for each document alone: what others must know of it, as rows of numbers, each addressed to a group, a whole number of 32 bits.
   * MinHash tells a row for each band, to the group of the band's hash.
   */
  tell(document: Document, to: (group: number, ...values: number[]) => void): void | Promise<void>;
  /**
   * Act 2, for each part of the groups alone (a group is never divided): from all that was told there, rows
   * `[group, document, ...values]`, to findings, again rows of numbers. MinHash verifies the pairs of each group.
   */
  find(told: Rows, documents: Numbered): Iterable<readonly number[]> | Promise<Iterable<readonly number[]>>;
  /** Act 3, once: from all findings to what is decided, by number of document. MinHash joins pairs to clusters and chooses whom to keep. */
  decide(
    found: Rows,
    documents: Numbered,
  ): Iterable<readonly [number, Decision]> | Promise<Iterable<readonly [number, Decision]>>;
  /** At the end, for each document alone: the verdict, from what was decided for it, if anything was. */
  judgeOne(document: Document, decision: Decision | undefined): Verdict | Promise<Verdict>;
}

/** A step whose verdicts depend on other documents. */
export interface JointStep<Decision extends Json = Json> extends Step, Acts<Decision> {}

/**
 * A step from its three acts.
 *
 * @example
 * // drops all but the first of documents with equal titles
 * const oneTitle = jointStep('one title', {
 *   tell: ({ title }, to) => { if (title !== undefined) to(Number.parseInt(hash(title).slice(0, 8), 16)); },
 *   find: (told) => told.flatMap(([group, document], index) => (group === told[index - 1]?.[0] ? [[document ?? 0]] : [])),
 *   decide: (found) => found.map(([document]) => [document ?? 0, true] as const),
 *   judgeOne: (document, isLater) => (isLater === true ? { drop: 'title seen before' } : { keep: document }),
 * });
 */
export function jointStep<Decision extends Json>(name: string, acts: Acts<Decision>, made?: Made): JointStep<Decision> {
  return {
    name,
    ...acts,
    judge: (documents) => judgeJointly(acts, documents),
    ...(made === undefined ? {} : { made }),
  };
}

export function isJointStep(step: Step): step is JointStep {
  return 'tell' in step;
}

/** All acts in this thread, over documents in memory. */
async function judgeJointly<Decision extends Json>(
  acts: Acts<Decision>,
  documents: readonly Document[],
): Promise<readonly Verdict[]> {
  const ordered = documents.map((document, position) => ({ document, position }));
  ordered.sort((a, b) => compareCanonically(a.document, b.document));
  const numbered: Numbered = {
    count: ordered.length,
    read: (number) => {
      const found = ordered[number];
      if (found === undefined) throw new RangeError(`document ${number} of ${ordered.length}`);
      return found.document;
    },
  };
  const told: Float64Array[] = [];
  for (const [number, { document }] of ordered.entries()) {
    await acts.tell(document, (group, ...values) => told.push(Float64Array.of(group, number, ...values)));
  }
  const found = Array.from(await acts.find(told.sort(compareRows), numbered), (row) => Float64Array.from(row));
  const decisions = new Map(await acts.decide(found.sort(compareRows), numbered));
  const verdicts: Verdict[] = new Array<Verdict>(documents.length);
  for (const [number, { document, position }] of ordered.entries()) {
    verdicts[position] = await acts.judgeOne(document, decisions.get(number));
  }
  return verdicts;
}

/** The canonical order of documents: by what they are, down to what else is known of them. */
export function compareCanonically(a: Document, b: Document): number {
  return (
    compareDocuments(a, b) ||
    compareText(JSON.stringify([a.title, a.language, a.meta]), JSON.stringify([b.title, b.language, b.meta]))
  );
}

/** Number by number; of two rows of which one begins the other the shorter comes first. */
export function compareRows(a: Float64Array, b: Float64Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
