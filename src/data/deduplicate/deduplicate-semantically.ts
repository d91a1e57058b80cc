import { fold, key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { jointStep } from '../joint-step.js';
import type { JointStep, Numbered, Rows } from '../joint-step.js';
import { Clusters } from './clusters.js';
import { inBatches } from './in-batches.js';
import { kMeans } from './k-means.js';
import type { UnitVectors } from './k-means.js';

/** Texts to vectors, one a text, one after the other; of any length but 0. `embedTexts` gives them so. */
export type Embed = (texts: readonly string[]) => Embedded | Promise<Embedded>;

export interface Embedded {
  readonly width: number;
  readonly vectors: ArrayLike<number>; // [numTexts, width]
}

export interface DeduplicateSemanticallyOptions {
  /** The vectors of up to 64 texts at a time. */
  readonly embed: Embed;
  /** The cosine of two documents' vectors from which they count as the same: above 0, at most 1. */
  readonly threshold: number;
  /** Pairs are compared within a cluster. Where nothing is said, one for each 1,000 documents. */
  readonly numClusters?: number;
  /** Of the first centres; 0 where nothing is said. */
  readonly seed?: number;
}

type Decision = { readonly like: string; readonly score: number };

/** Documents to a cluster, where their number is not said. */
const CLUSTER = 1000;

/**
 * Keeps one of all documents that mean nearly the same, though their words may differ: SemDeDup (Abbas et al. 2023, 2303.09540).
 * Vectors are clustered by k-means, and within a cluster all pairs are compared by cosine. Pairs from `threshold` on are
 * joined (a like b and b like c: one cluster), and of each such cluster the longest document is kept, of equally long ones the first in canonical order.
 * The ledger says of each dropped document which one was kept in its place, and their cosine.
 *
 * The kept documents do not depend on the order of the input: centres are drawn by the seed from the documents in canonical order. Pairs that k-means
 * puts apart are not found; with one cluster all are, at the cost of all pairs. The vectors of all documents are in memory while pairs are compared:
 * 12 bytes a number.
 *
 * @throws TrainbookError for a threshold that is none, and when run for vectors of other shape than said, with NaN or only zeros.
 * @example
 * const model = await loadEncoder('models/all-MiniLM-L6-v2');
 * const tokenizer = await loadTokenizer('models/all-MiniLM-L6-v2');
 * await load('news.jsonl').through(
 *   deduplicateSemantically({ embed: (texts) => embedTexts(model, tokenizer, texts), threshold: 0.95 }),
 * );
 */
export function deduplicateSemantically(options: DeduplicateSemanticallyOptions): JointStep<Decision> {
  const { embed, threshold, numClusters, seed = 0 } = options;
  check(threshold, numClusters);
  const embedOne = inBatches(async (texts: readonly string[]) => rowsOf(await embed(texts), texts.length));
  return jointStep<Decision>('deduplicate semantically', {
    tell: async ({ text }, to) => {
      to(0, text.length, ...(await embedOne(text)));
    },
    find: (told) => findAlike(told, { threshold, numClusters, seed }),
    decide: ({ values, length }, documents) => decisionsOf(values, length, documents),
    judgeOne: (document, decision) =>
      decision === undefined
        ? { keep: document }
        : { drop: 'same meaning', like: decision.like, score: decision.score },
  });
}

// Told: [0, document, length, ...vector], all to one group, as clusters are made of all documents.
// Found: [document, the one that is kept in its place, cosine].

function* findAlike(
  { length: count, width, values }: Rows,
  {
    threshold,
    numClusters,
    seed,
  }: { readonly threshold: number; readonly numClusters: number | undefined; readonly seed: number },
): Generator<readonly number[]> {
  const vectors: UnitVectors = { count, width: width - 3, values: new Float32Array(count * (width - 3)) };
  for (let row = 0; row < count; row++) {
    const vector = values.subarray(row * width + 3, (row + 1) * width);
    const length = Math.hypot(...vector);
    for (let axis = 0; axis < vector.length; axis++)
      vectors.values[row * vectors.width + axis] = (vector[axis] ?? 0) / length;
  }
  const clusters = kMeans(
    vectors,
    Math.min(count, numClusters ?? Math.ceil(count / CLUSTER)),
    fold(key(seed), 'centres'),
  );
  const members = new Map<number, number[]>();
  clusters.forEach((cluster, row) => {
    const known = members.get(cluster);
    if (known === undefined) members.set(cluster, [row]);
    else known.push(row);
  });
  for (const rows of members.values()) {
    const alike = new Clusters();
    for (const [index, a] of rows.entries()) {
      for (let other = index + 1; other < rows.length; other++) {
        const b = rows[other] ?? a;
        if (alike.find(a) !== alike.find(b) && cosine(vectors, a, b) >= threshold) alike.join(a, b);
      }
    }
    const lengthOf = (row: number): number => values[row * width + 2] ?? 0;
    for (const group of alike.groups()) {
      const [kept = 0, ...others] = [...group].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
      for (const other of others)
        yield [values[other * width + 1] ?? 0, values[kept * width + 1] ?? 0, cosine(vectors, kept, other)];
    }
  }
}

function* decisionsOf(
  values: Float64Array,
  length: number,
  documents: Numbered,
): Generator<readonly [number, Decision]> {
  for (let row = 0; row < length; row++) {
    const [document = 0, kept = 0, score = 0] = values.subarray(3 * row, 3 * row + 3);
    yield [document, { like: documents.read(kept).id, score }];
  }
}

function cosine({ width, values }: UnitVectors, a: number, b: number): number {
  let product = 0;
  for (let axis = 0; axis < width; axis++) product += (values[a * width + axis] ?? 0) * (values[b * width + axis] ?? 0);
  return product;
}

/** One vector a text. */
function rowsOf({ width, vectors }: Embedded, numTexts: number): readonly (readonly number[])[] {
  const rows = Array.from({ length: numTexts }, (_, text) =>
    Array.from({ length: width }, (_, axis) => vectors[text * width + axis] ?? NaN),
  );
  const wrong = rows.findIndex((row) => !row.every(Number.isFinite) || row.every((number) => number === 0));
  if (vectors.length !== numTexts * width || wrong >= 0) {
    throw new TrainbookError({
      what: 'deduplicateSemantically: embed gave no vector for each text',
      received:
        vectors.length === numTexts * width
          ? `${rows[wrong]?.every(Number.isFinite) === true ? 'only zeros' : 'NaN or infinity'} for text ${wrong} of ${numTexts}`
          : `${vectors.length} numbers for ${numTexts} texts of width ${width}`,
      expected: `${numTexts} vectors of ${width} finite numbers, not all 0, one after the other`,
    });
  }
  return rows;
}

function check(threshold: number, numClusters: number | undefined): void {
  const isThreshold = threshold > 0 && threshold <= 1;
  if (isThreshold && (numClusters === undefined || (Number.isInteger(numClusters) && numClusters > 0))) return;
  throw new TrainbookError({
    what: `deduplicateSemantically: no such ${isThreshold ? 'number of clusters' : 'threshold'}`,
    received: isThreshold ? numClusters : threshold,
    expected: isThreshold ? 'a whole number above 0' : 'a cosine above 0, at most 1',
    fix: isThreshold ? 'leave it out: one for each 1,000 documents' : '0.9 to 0.97 is usual',
  });
}
