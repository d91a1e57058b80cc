import { createHash } from 'node:crypto';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { jointStep } from '../joint-step.js';
import type { JointStep, Numbered } from '../joint-step.js';
import type { Rows } from '../rows.js';
import { Clusters } from './clusters.js';
import { bandGroups, banding, NUM_HASHES, sketch } from './minhash.js';
import { FIVE_WORDS, jaccard, runHashes, shingles, wordHashes } from './shingles.js';
import type { ShingleOptions } from './shingles.js';
import { VerifiedPairs } from './verified-pairs.js';
import type { Member } from './verified-pairs.js';

export interface DeduplicateOptions {
  /** The Jaccard similarity of two documents' shingles from which they count as the same; above 0, at most 1. */
  readonly threshold: number;
  /** What is compared: runs of 5 words where nothing is said. */
  readonly shingle?: Partial<ShingleOptions>;
  /** Hashes of a sketch, 128 where nothing is said: with more, fewer pairs are verified in vain. */
  readonly numHashes?: number;
  /** Is told once, when all pairs are found, how much work they were. */
  readonly report?: (work: DeduplicateWork) => void;
}

/** How much work it was to find the near-duplicates. */
export interface DeduplicateWork {
  readonly bands: number;
  readonly rows: number;
  /** Pairs of different texts that agree in a band, counted in each. */
  readonly candidates: number;
  /** Pairs whose true similarity was computed: those already in one cluster or known to be different were not. */
  readonly verified: number;
  /** Pairs found similar that joined two clusters. */
  readonly joined: number;
}

/** What is decided for a document that is dropped. */
type Decision = { readonly like: string; readonly score: number; readonly isExact: boolean };

const optionsSchema = z.object({
  unit: z.enum(['words', 'characters']),
  width: z.int().min(1),
  numHashes: z.int().min(1).max(65_536),
});

/**
 * Keeps one of all documents that are the same or nearly the same.
 *
 * Documents whose texts are equal are exact duplicates. Near-duplicates are found by MinHash with locality-sensitive hashing
 * and each candidate pair is verified by its true Jaccard similarity, so that no pair below the threshold is joined; a pair
 * right at it is missed with probability 0.005 (0.01 where texts have fewer than 64 shingles). Where more than 256 different
 * texts agree in a band, each is compared with the longest and the 128 before it by length, and more pairs may be missed. Pairs are joined to clusters (a like b and
 * b like c: one cluster), and of each the longest document is kept, of equally long ones the one with the smallest id. So the kept
 * set is the same for any order of the input and any number of workers. The ledger says of each dropped document which one was
 * kept in its place, and how similar the two are.
 *
 * Broder 1997; Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better" (2107.06499).
 *
 * @throws TrainbookError if the threshold is not above 0 and at most 1, or a width or number of hashes is no whole number above 0.
 * @example
 * await load('corpus/*.jsonl.gz').through(normalise(), deduplicate({ threshold: 0.9 }));
 * await load('tweets.jsonl').through(deduplicate({ threshold: 0.7, shingle: { unit: 'characters', width: 8 } }));
 */
export function deduplicate(options: DeduplicateOptions): JointStep<Decision> {
  const { threshold, numHashes = NUM_HASHES, report } = options;
  const { unit, width } = { ...FIVE_WORDS, ...options.shingle };
  check(threshold, { unit, width, numHashes });
  const plan = banding(threshold, numHashes);
  const shinglesOf = (text: string): Uint32Array => shingles(wordHashes(text, unit), width);
  /** Where all parts of the groups are found by one process, what was verified for one part serves the next. */
  const verified = new WeakMap<Numbered, VerifiedPairs>();
  return jointStep<Decision>(
    'deduplicate',
    {
      tell: ({ text }, to) => {
        const { group, rest } = textHash(text);
        to(group, -1 - rest, text.length);
        const runs = runHashes(wordHashes(text, unit), width);
        if (runs.length === 0) return;
        for (const band of bandGroups(sketch(runs, plan.bands * plan.rows), plan)) to(band, rest, text.length);
      },
      find: function* (told, documents) {
        const known = verified.get(documents);
        const pairs =
          known ?? new VerifiedPairs(threshold, documents.count, (number) => shinglesOf(documents.read(number).text));
        if (known === undefined) verified.set(documents, pairs);
        const [candidates, verifications] = [pairs.numCandidates, pairs.numVerified];
        for (const { copies, members } of groups(told)) {
          for (const [first, copy] of copies) yield [first.number, copy.number, EXACT, first.length, copy.length];
          for (const { a, b, similarity } of pairs.of(members))
            yield [a.number, b.number, similarity, a.length, b.length];
        }
        yield [WORK, pairs.numCandidates - candidates, pairs.numVerified - verifications, 0, 0];
      },
      decide: (found, documents) => {
        const pairs = pairsOf(found);
        report?.({ ...plan, ...workOf(found), joined: pairs.filter(({ similarity }) => similarity !== EXACT).length });
        return decisions(pairs, documents, (a, b) =>
          jaccard(shinglesOf(documents.read(a).text), shinglesOf(documents.read(b).text)),
        );
      },
      judgeOne: (document, decision) =>
        decision === undefined
          ? { keep: document }
          : {
              drop: decision.isExact ? 'exact duplicate' : 'near-duplicate',
              like: decision.like,
              score: decision.score,
            },
    },
    { module: import.meta.url, name: 'deduplicate', options: [{ threshold, shingle: { unit, width }, numHashes }] },
  );
}

// Rows that are told: [group, document, text, length]. The group is a band's hash, the text 53 bits of the hash of the whole text;
// or the group is 32 bits of the text's hash and the text is −1 less the other 53: 85 bits in all, equal by chance
// among 10¹² texts with a probability of 0.01. Rows that are found: [document, document, similarity, length, length].

/** In the place of a similarity: the texts are equal. */
const EXACT = 2;

/** In the place of a document: the row says how many candidates there were, and how many were verified. */
const WORK = -1;

/** SHA-256, the first 32 bits and the 53 after them. */
function textHash(text: string): { readonly group: number; readonly rest: number } {
  const bytes = createHash('sha256').update(text).digest();
  return { group: bytes.readUInt32LE(0), rest: bytes.readUInt32LE(4) * 2 ** 20 + (bytes.readUInt32LE(8) >>> 12) };
}

/** The members of each band's group, and the copies of each text with the first that has it. */
function* groups({ values, length }: Rows): Generator<{
  readonly copies: readonly (readonly [Member, Member])[];
  readonly members: readonly Member[];
}> {
  for (let start = 0, end = 1; start < length; start = end, end++) {
    const group = values[4 * start];
    while (end < length && values[4 * end] === group) end++;
    if (end === start + 1) continue;
    const firsts = new Map<number, Member>();
    const copies: (readonly [Member, Member])[] = [];
    const members: Member[] = [];
    for (let row = start; row < end; row++) {
      const [number = 0, text = 0, length = 0] = values.subarray(4 * row + 1, 4 * row + 4);
      const member = { number, text, length };
      const first = firsts.get(text);
      if (text >= 0) members.push(member);
      else if (first === undefined) firsts.set(text, member);
      else copies.push([first, member]);
    }
    yield { copies, members };
  }
}

function pairsOf({ values, length }: Rows): readonly {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
  readonly lengths: readonly [number, number];
}[] {
  return Array.from({ length }, (_, row) => {
    const [a = 0, b = 0, similarity = 0, lengthA = 0, lengthB = 0] = values.subarray(5 * row, 5 * row + 5);
    return { a, b, similarity, lengths: [lengthA, lengthB] as const };
  }).filter(({ a }) => a !== WORK);
}

function workOf({ values, length }: Rows): { readonly candidates: number; readonly verified: number } {
  let [candidates, verified] = [0, 0];
  for (let row = 0; row < length && values[5 * row] === WORK; row++) {
    candidates += values[5 * row + 1] ?? 0;
    verified += values[5 * row + 2] ?? 0;
  }
  return { candidates, verified };
}

/** For each document that is dropped, which one is kept in its place. */
function* decisions(
  pairs: ReturnType<typeof pairsOf>,
  documents: Numbered,
  similarityOf: (a: number, b: number) => number,
): Generator<readonly [number, Decision]> {
  const clusters = new Clusters();
  const lengths = new Map<number, number>();
  const firstOfText = new Map<number, number>();
  const known = new Map<number, Map<number, number>>();
  for (const {
    a,
    b,
    similarity,
    lengths: [ofA, ofB],
  } of pairs) {
    clusters.join(a, b);
    lengths.set(a, ofA).set(b, ofB);
    if (similarity === EXACT) firstOfText.set(b, a);
    else {
      known.set(a, (known.get(a) ?? new Map<number, number>()).set(b, similarity));
      known.set(b, (known.get(b) ?? new Map<number, number>()).set(a, similarity));
    }
  }
  for (const cluster of clusters.groups()) {
    const [kept = 0, ...others] = [...cluster].sort((a, b) => (lengths.get(b) ?? 0) - (lengths.get(a) ?? 0) || a - b);
    const like = documents.read(kept).id;
    const scores = new Map<number, number>();
    for (const other of others) {
      const first = firstOfText.get(other) ?? other;
      const isExact = first === kept;
      const score = isExact ? 1 : (scores.get(first) ?? known.get(kept)?.get(first) ?? similarityOf(kept, first));
      scores.set(first, score);
      yield [other, { like, score, isExact }];
    }
  }
}

function check(threshold: number, options: z.infer<typeof optionsSchema>): void {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new TrainbookError({
      what: 'deduplicate: no such threshold',
      received: threshold,
      expected: 'a similarity above 0, at most 1',
      fix: '0.8 to 0.9 is usual',
    });
  }
  const checked = optionsSchema.safeParse(options);
  if (checked.success) return;
  throw new TrainbookError({
    what: `deduplicate: ${z.prettifyError(checked.error)}`,
    received: JSON.stringify(options),
    expected:
      "shingle: { unit: 'words' or 'characters', width: a whole number }, numHashes: a whole number up to 65,536",
  });
}
