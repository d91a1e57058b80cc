import { mix } from './shingles.js';

/**
 * MinHash (Broder 1997, "On the resemblance and containment of documents"): for a random order of all shingles, two sets have
 * the same least element with probability equal to their Jaccard similarity. The sketch of a set is its least element under
 * each of `numHashes` orders.
 */
export const numHashes = 128;

/** The orders: shingle x stands at place (x ⊕ offset) · factor modulo 2³², factor odd: a permutation of the 32-bit numbers. */
const offsets = Int32Array.from({ length: numHashes }, (_, index) => mix(2 * index + 1));
const factors = Int32Array.from({ length: numHashes }, (_, index) => mix(2 * index + 2) | 1);

/** The sketch of a set of shingles: [numHashes] least places. */
export function sketch(shingles: Uint32Array): Uint32Array {
  const least = new Uint32Array(numHashes);
  // Signed, and two orders at a time: whole-number arithmetic throughout, at half the memory traffic.
  const signed = new Int32Array(shingles.buffer, shingles.byteOffset, shingles.length);
  for (let index = 0; index < numHashes; index += 2) {
    const [offsetA, factorA] = [offsets[index] ?? 0, factors[index] ?? 1];
    const [offsetB, factorB] = [offsets[index + 1] ?? 0, factors[index + 1] ?? 1];
    let lowestA = 0x7fffffff;
    let lowestB = 0x7fffffff;
    for (let position = 0; position < signed.length; position++) {
      const shingle = signed[position] ?? 0;
      const placeA = Math.imul(shingle ^ offsetA, factorA);
      const placeB = Math.imul(shingle ^ offsetB, factorB);
      if (placeA < lowestA) lowestA = placeA;
      if (placeB < lowestB) lowestB = placeB;
    }
    least[index] = lowestA;
    least[index + 1] = lowestB;
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
