import type { Json } from '../files.js';
import { compareDocuments, compareText } from './document.js';
import type { Document } from './document.js';
import { RowList } from './rows.js';
import type { Rows } from './rows.js';
import type { Made, Step, Verdict } from './step.js';

export type { Rows } from './rows.js';

/** Documents by their number in the canonical order, which depends on the documents alone and not on how they came. */
export interface Numbered {
  readonly count: number;
  /** The document of that number: 0 … count − 1. Cheap in memory, a read of a file on shards. */
  read(number: number): Document;
}

/**
 * The three acts of a step whose verdicts depend on other documents. No act holds all documents, and nothing depends on
 * their order: on shards the acts run in many processes, and the result is the same.
 */
export interface Acts<Decision extends Json> {
  /**
   * Act 1, for each document alone: what others must know of it, as rows of numbers, each addressed to a group, a whole number of 32 bits
   * (0 to 2³² − 1). All rows of a step have one width. MinHash tells a row for each band, to the group of the band's hash.
   *
   * Where it answers with a promise, up to `TOLD_AT_ONCE` documents are told of before the first is awaited, so that a step may gather
   * them to a batch, such as one that embeds.
   */
  tell(document: Document, to: (group: number, ...values: number[]) => void): void | Promise<void>;
  /**
   * Act 2, for each part of the groups alone (a group is never divided): from all that was told there, rows
   * `[group, document, ...values]` in order, to findings, again rows of numbers of one width. MinHash verifies the pairs of each group.
   * What is decided from all that was found must not depend on how the groups were divided into parts.
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

/** So many documents at most are told of at the same time. */
export const TOLD_AT_ONCE = 64;

/** A step whose verdicts depend on other documents. */
export interface JointStep<Decision extends Json = Json> extends Step, Acts<Decision> {}

/**
 * A step from its three acts.
 *
 * @example
 * // drops all but the first of documents with equal titles
 * const oneTitle = jointStep('one title', {
 *   tell: ({ title }, to) => { if (title !== undefined) to(Number.parseInt(hash(title).slice(0, 8), 16)); },
 *   find: function* ({ values, length }) {
 *     for (let row = 1; row < length; row++) {
 *       if (values[2 * row] === values[2 * (row - 1)]) yield [values[2 * row + 1] ?? 0];
 *     }
 *   },
 *   decide: ({ values }) => Array.from(values, (document) => [document, true] as const),
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

/** The groups are found in parts by their highest bits, one after the other: only one part at a time is sorted. */
const NUM_PARTS = 16;
const PART_SHIFT = 28;

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
  const told = Array.from({ length: NUM_PARTS }, () => new RowList());
  let waiting: Promise<void>[] = [];
  for (const [number, { document }] of ordered.entries()) {
    const telling = acts.tell(document, (group, ...values) =>
      told[group >>> PART_SHIFT]?.push(group, number, ...values),
    );
    if (telling instanceof Promise) waiting.push(telling);
    if (waiting.length === TOLD_AT_ONCE || number === ordered.length - 1) {
      await Promise.all(waiting);
      waiting = [];
    }
  }
  const found = new RowList();
  for (let part = told.shift(); part !== undefined; part = told.shift()) {
    if (part.length === 0) continue;
    for (const row of await acts.find(part.sorted(), numbered)) found.push(...row);
  }
  const decisions = new Map(await acts.decide(found.sorted(), numbered));
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
