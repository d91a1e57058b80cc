import { mix } from './shingles.js';

/** The hashes of a sketch, where nothing else is said. */
export const NUM_HASHES = 128;

/**
 * MinHash (Broder 1997, "On the resemblance and containment of documents"): for a random order of all shingles, two sets have the
 * same least element with probability equal to their Jaccard similarity.
 *
 * Here all shingles have one order, cut into as many bins as there are hashes, each giving its least element: one pass over the set instead
 * of one for each hash. A bin without elements takes the hash of another one, chosen by a hash of the two bins that is the same
 * for all sets: "optimal densification" (Shrivastava 2017, 1703.04664). Two sets agree in a bin with probability equal to their similarity,
 * and by simulation a pair at the threshold is missed no more often than with an order for each hash, but for sets of fewer
 * elements than half the bins: twice as often at most.
 *
 * A shingle may be given several times.
 */
export function sketch(shingles: Uint32Array, numHashes: number): Uint32Array {
  const least = new Uint32Array(numHashes).fill(0xffffffff); // [numHashes] least places
  if (shingles.length === 0) return least;
  const isFilled = new Uint8Array(numHashes);
  const scale = numHashes / 2 ** 32;
  for (let index = 0; index < shingles.length; index++) {
    const shingle = shingles[index] ?? 0;
    const bin = ((Math.imul(shingle, 0x9e3779b1) >>> 0) * scale) | 0;
    const place = Math.imul(shingle ^ 0x5bd1e995, 0x85ebca6b) >>> 0;
    if (place < (least[bin] ?? 0)) least[bin] = place;
    isFilled[bin] = 1;
  }
  for (let bin = 0; bin < numHashes; bin++) {
    if (isFilled[bin] === 1) continue;
    let attempt = 1;
    let from = bin;
    while (isFilled[from] !== 1) from = mix(Math.imul(bin + 1, 0x27d4eb2f) + attempt++) % numHashes;
    least[bin] = least[from] ?? 0;
  }
  return least;
}

/** How the hashes of a sketch are grouped: two sets are candidates if they agree in all `rows` of at least one of `bands`. */
export interface Banding {
  readonly bands: number;
  readonly rows: number;
}

/** The probability by which a pair right at the threshold is to be found. */
const FOUND = 0.995;

/**
 * The banding for a threshold: a pair of similarity s is a candidate with probability 1 − (1 − sʳ)ᵇ (Leskovec, Rajaraman and
 * Ullman, "Mining of Massive Datasets", 3.4.2). Candidates are verified, so too many cost only time and a lost pair is an
 * error: the longest rows by which a pair right at the threshold is found with probability 0.995, and no more bands of them than needed.
 */
export function banding(threshold: number, numHashes: number = NUM_HASHES): Banding {
  for (let rows = numHashes; rows > 1; rows--) {
    const bands = Math.max(1, Math.ceil(Math.log(1 - FOUND) / Math.log1p(-(threshold ** rows))));
    if (bands * rows <= numHashes) return { bands, rows };
  }
  return { bands: numHashes, rows: 1 };
}

/** A whole number of 32 bits for each band of a sketch: equal where the bands are. */
export function bandGroups(sketch: Uint32Array, { bands, rows }: Banding): Uint32Array {
  const groups = new Uint32Array(bands);
  for (let band = 0; band < bands; band++) {
    let hash = mix(band + 1);
    for (let row = 0; row < rows; row++) hash = mix(Math.imul(hash, 0x01000193) ^ (sketch[band * rows + row] ?? 0));
    groups[band] = hash;
  }
  return groups;
}
