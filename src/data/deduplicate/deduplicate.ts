import { TrainbookError } from '../../error.js';
import { Clusters } from './clusters.js';
import { compareDocuments, compareText } from '../document.js';
import type { Document } from '../document.js';
import { banding, candidates, sketch } from './minhash.js';
import { jaccard, shingles, wordHashes } from './shingles.js';
import type { Step, Verdict } from '../step.js';

/** Words to a shingle. */
const WIDTH = 5;

export interface DeduplicateOptions {
  /** The Jaccard similarity of two documents' 5-word shingles from which they count as the same; above 0, at most 1. */
  readonly threshold: number;
}

/**
 * Keeps one of all documents that are the same or nearly the same.
 *
 * Documents whose texts are equal are exact duplicates. Near-duplicates are found by MinHash with locality-sensitive hashing
 * and each candidate pair is verified by its true Jaccard similarity, so that no pair below the threshold is joined; a pair
 * right at it is missed with probability 0.005. Pairs are joined to clusters (a like b and b like c: one cluster), and of each
 * the longest document is kept, of equally long ones the one with the smallest id. So the kept set is the same for any order
 * of the input. The ledger says of each dropped document which one was kept in its place, and how similar the two are.
 *
 * Broder 1997; Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better" (2107.06499).
 *
 * @throws TrainbookError if the threshold is not above 0 and at most 1.
 * @example
 * await load('corpus/*.jsonl.gz').through(normalise(), deduplicate({ threshold: 0.9 }));
 */
export function deduplicate({ threshold }: DeduplicateOptions): Step {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new TrainbookError({
      what: 'deduplicate: no such threshold',
      received: threshold,
      expected: 'a similarity above 0, at most 1',
      fix: '0.8 to 0.9 is usual',
    });
  }
  return { name: 'deduplicate', judge: (documents) => judge(documents, threshold) };
}

function judge(documents: readonly Document[], threshold: number): readonly Verdict[] {
  const verdicts: Verdict[] = documents.map((keep) => ({ keep }));
  const distinct: number[] = [];
  for (const group of groupByText(documents)) {
    const [survivor, ...copies] = order(documents, group);
    if (survivor === undefined) continue;
    distinct.push(survivor);
    for (const copy of copies) verdicts[copy] = { drop: 'exact duplicate', like: idOf(documents, survivor), score: 1 };
  }
  const sets = distinct.map((index) => shingles(wordHashes(documents[index]?.text ?? ''), WIDTH));
  for (const group of nearDuplicates(sets, threshold)) {
    const members = new Map(group.map((member) => [distinct[member] ?? 0, sets[member] ?? new Uint32Array(0)]));
    const [survivor, ...others] = order(documents, [...members.keys()]);
    if (survivor === undefined) continue;
    const kept = members.get(survivor) ?? new Uint32Array(0);
    for (const other of others) {
      const score = jaccard(members.get(other) ?? new Uint32Array(0), kept);
      verdicts[other] = { drop: 'near-duplicate', like: idOf(documents, survivor), score };
    }
  }
  return verdicts;
}

/** Clusters of sets that are similar, those of one member left out. */
function nearDuplicates(sets: readonly Uint32Array[], threshold: number): readonly (readonly number[])[] {
  const clusters = new Clusters(sets.length);
  const sketches = sets.map(sketch);
  for (const [a, b] of candidates(sketches, banding(threshold))) {
    if (clusters.find(a) === clusters.find(b)) continue;
    if (jaccard(sets[a] ?? new Uint32Array(0), sets[b] ?? new Uint32Array(0)) >= threshold) clusters.join(a, b);
  }
  return clusters.groups().filter(({ length }) => length > 1);
}

function groupByText(documents: readonly Document[]): Iterable<readonly number[]> {
  const groups = new Map<string, number[]>();
  documents.forEach(({ text }, index) => {
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [index]);
    else group.push(index);
  });
  return groups.values();
}

/** The documents at these positions, the one to keep first. */
function order(documents: readonly Document[], positions: readonly number[]): readonly number[] {
  return [...positions].sort((a, b) => {
    const [left, right] = [documents[a], documents[b]];
    if (left === undefined || right === undefined) return 0;
    return right.text.length - left.text.length || compareDocuments(left, right) || compareMeta(left, right);
  });
}

/** For documents of one text and one source: what else is known of them. */
function compareMeta(a: Document, b: Document): number {
  return compareText(JSON.stringify([a.title, a.language, a.meta]), JSON.stringify([b.title, b.language, b.meta]));
}

function idOf(documents: readonly Document[], position: number): string {
  return documents[position]?.id ?? '';
}
