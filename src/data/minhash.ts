import { mix } from './shingles.js';

/**
 * MinHash (Broder 1997, "On the resemblance and containment of documents"): for a random order of all shingles, two sets have
 * the same least element with probability equal to their Jaccard similarity. The sketch of a set is its least element under
 * each of `numHashes` orders.
 */
export const numHashes = 128;

/** The orders: shingle x stands at place mix-like (x ⊕ offset) · factor, factor odd: a permutation of 32-bit numbers. */
const offsets = Uint32Array.from({ length: numHashes }, (_, index) => mix(2 * index + 1));
const factors = Uint32Array.from({ length: numHashes }, (_, index) => mix(2 * index + 2) | 1);

/** The sketch of a set of shingles: [numHashes] least elements. */
export function sketch(shingles: Uint32Array): Uint32Array {
  const least = new Uint32Array(numHashes).fill(0xffffffff);
  for (let index = 0; index < numHashes; index++) {
    const offset = offsets[index] ?? 0;
    const factor = factors[index] ?? 1;
    let lowest = 0xffffffff;
    for (const shingle of shingles) {
      const place = Math.imul(shingle ^ offset, factor) >>> 0;
      if (place < lowest) lowest = place;
    }
    least[index] = lowest;
  }
  return least;
}

/** How the hashes of a sketch are grouped: two sets are candidates if they agree in all `rows` of at least one of `bands`. */
export interface Banding {
  readonly bands: number;
  readonly rows: number;
}

/**
 * The banding for a threshold: a pair of similarity s is a candidate with probability 1 − (1 − sʳ)ᵇ (Leskovec, Rajaraman and
 * Ullman, "Mining of Massive Datasets", 3.4.2). Candidates are verified, so too many cost only time and a lost pair is an
 * error: the longest rows by which a pair right at the threshold is found with probability 0.995.
 */
export function banding(threshold: number): Banding {
  for (let rows = numHashes; rows > 1; rows--) {
    const bands = Math.floor(numHashes / rows);
    if (1 - (1 - threshold ** rows) ** bands >= 0.995) return { bands, rows };
  }
  return { bands: numHashes, rows: 1 };
}

/** The pairs of sketches, by position (i < j), that agree in a band; a pair that agrees in several comes several times. */
export function* candidates(
  sketches: readonly Uint32Array[],
  { bands, rows }: Banding,
): Generator<readonly [number, number]> {
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<string, number[]>();
    sketches.forEach((one, index) => {
      const key = one.subarray(band * rows, (band + 1) * rows).join(',');
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, [index]);
      else bucket.push(index);
    });
    for (const bucket of buckets.values()) {
      for (let i = 0; i < bucket.length; i++) {
        for (let j = i + 1; j < bucket.length; j++) yield [bucket[i] ?? 0, bucket[j] ?? 0];
      }
    }
  }
}
