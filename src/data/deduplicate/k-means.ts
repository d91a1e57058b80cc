import { permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';

/** Vectors of length 1, one after the other. */
export interface UnitVectors {
  readonly count: number;
  readonly width: number;
  readonly values: Float32Array; // [count, width]
}

/** So many rounds at most; clusters change little after the first few. */
const MAXIMUM_ROUNDS = 20;

/**
 * Spherical k-means (Lloyd 1982; Dhillon and Modha 2001): each vector belongs to the centre of the highest cosine, of equal ones to the first; each
 * centre is the mean of its vectors, of length 1 again. The first centres are vectors drawn by the key. Sums go over the vectors in their order,
 * so the same vectors in the same order give the same clusters.
 *
 * @returns the cluster of each vector: [count], 0 … numClusters − 1; a cluster may be empty
 */
export function kMeans(vectors: UnitVectors, numClusters: number, key: Key): Uint32Array {
  const { count, width, values } = vectors;
  const chosen = permutation(key, count).subarray(0, numClusters);
  const centres = new Float64Array(chosen.length * width);
  chosen.forEach((vector, cluster) => {
    centres.set(values.subarray(vector * width, (vector + 1) * width), cluster * width);
  });
  const clusters = new Uint32Array(count);
  for (let round = 0; round < MAXIMUM_ROUNDS; round++) {
    const numMoved = assign(vectors, centres, clusters);
    if (numMoved === 0 && round > 0) break;
    recentre(vectors, centres, clusters);
  }
  return clusters;
}

/** Gives each vector to its nearest centre; says how many went to another than before. */
function assign({ count, width, values }: UnitVectors, centres: Float64Array, clusters: Uint32Array): number {
  let numMoved = 0;
  for (let vector = 0; vector < count; vector++) {
    let [best, highest] = [0, -Infinity];
    for (let cluster = 0; cluster * width < centres.length; cluster++) {
      let product = 0;
      for (let axis = 0; axis < width; axis++)
        product += (values[vector * width + axis] ?? 0) * (centres[cluster * width + axis] ?? 0);
      if (product > highest) [best, highest] = [cluster, product];
    }
    if (clusters[vector] !== best) numMoved++;
    clusters[vector] = best;
  }
  return numMoved;
}

/** Moves each centre to the mean of its vectors; one without vectors stays. */
function recentre({ count, width, values }: UnitVectors, centres: Float64Array, clusters: Uint32Array): void {
  const sums = new Float64Array(centres.length);
  for (let vector = 0; vector < count; vector++) {
    const start = (clusters[vector] ?? 0) * width;
    for (let axis = 0; axis < width; axis++)
      sums[start + axis] = (sums[start + axis] ?? 0) + (values[vector * width + axis] ?? 0);
  }
  for (let start = 0; start < centres.length; start += width) {
    const sum = sums.subarray(start, start + width);
    const length = Math.hypot(...sum);
    if (length === 0) continue;
    for (let axis = 0; axis < width; axis++) centres[start + axis] = (sum[axis] ?? 0) / length;
  }
}
