import { uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Kernel } from './determinantal.js';
import { symmetricEigen } from './symmetric-eigen.js';

/** Below this part of the largest eigenvalue, one is rounding. */
const NOTHING = 1e-12;

/**
 * An exact sample of a k-DPP: a set Y of k of n items with probability
 *
 *   P(Y) = det L(Y) / Σ_{|Z| = k} det L(Z),
 *
 * so that sets of unlike items are likely (Kulesza and Taskar 2012, "Determinantal Point Processes for Machine Learning", 1207.6083,
 * algorithms 1, 7 and 8). First k eigenvectors of L are drawn, set J with probability ∝ Π λⱼ, by elementary symmetric polynomials; then
 * items one by one with probability Σᵥ v(i)² / |V| over an orthonormal basis V of what is left of their span. O(n³).
 *
 * @throws TrainbookError if fewer than k eigenvalues are above 0: no set of k items has a determinant.
 * @example
 * sampleDeterminantal(4, 2, (a, b) => Math.exp(-Math.abs(a - b)), key(1)); // such as [0, 3]
 */
export function sampleDeterminantal(numItems: number, size: number, kernel: Kernel, key: Key): readonly number[] {
  const items = Array.from({ length: numItems }, (_, item) => item);
  const { values, vectors } = symmetricEigen(items.map((a) => items.map((b) => kernel(a, b))));
  const least = NOTHING * Math.max(...values, 0);
  const kept = items.filter((index) => (values[index] ?? 0) > least);
  if (kept.length < size) {
    throw new TrainbookError({
      what: 'selectDiverse: no set of so many documents is diverse',
      received: `${size} of documents whose embeddings span ${kept.length} dimensions`,
      expected: `at most ${kept.length}`,
      fix: 'give a bandwidth: its kernel tells any two documents apart; or select fewer',
    });
  }
  const draws = uniformNumbers(key, kept.length + size);
  let basis: Float64Array[] = drawEigenvectors(
    kept.map((index) => values[index] ?? 0),
    size,
    draws,
  ).map((index) => Float64Array.from(vectors[kept[index] ?? 0] ?? []));
  const chosen: number[] = [];
  for (let step = 0; step < size; step++) {
    const weights = items.map((item) => basis.reduce((sum, vector) => sum + (vector[item] ?? 0) ** 2, 0));
    let left = (draws[kept.length + step] ?? 0) * weights.reduce((sum, weight) => sum + weight, 0);
    const item = weights.findIndex((weight) => (left -= weight) < 0);
    chosen.push(item < 0 ? weights.indexOf(Math.max(...weights)) : item);
    basis = withoutItem(basis, chosen.at(-1) ?? 0);
  }
  return chosen.sort((a, b) => a - b);
}

/**
 * `size` of the eigenvalues, a set J with probability Π_{j in J} λⱼ / e(size, n): from the last on, λₙ is taken with probability
 * λₙ e(size − 1, n − 1) / e(size, n), where e(k, n) is the sum over all sets of k of the first n of their products.
 */
function drawEigenvectors(values: readonly number[], size: number, draws: Float64Array): readonly number[] {
  // Scaled by the largest, so that products of many stay numbers.
  const largest = Math.max(...values);
  const scaled = values.map((value) => value / largest);
  const sums = [Float64Array.from({ length: size + 1 }, (_, k) => (k === 0 ? 1 : 0))]; // [n][k]
  for (const value of scaled) {
    const before = sums.at(-1) ?? new Float64Array(size + 1);
    sums.push(before.map((sum, k) => sum + (k === 0 ? 0 : value * (before[k - 1] ?? 0))));
  }
  const taken: number[] = [];
  let wanted = size;
  for (let n = values.length; n > 0 && wanted > 0; n--) {
    const probability = ((scaled[n - 1] ?? 0) * (sums[n - 1]?.[wanted - 1] ?? 0)) / (sums[n]?.[wanted] ?? 1);
    if (n > wanted && (draws[n - 1] ?? 0) >= probability) continue;
    taken.push(n - 1);
    wanted--;
  }
  return taken;
}

/** An orthonormal basis of the vectors of the span that are 0 at the item, one dimension less: by Gram and Schmidt. */
function withoutItem(basis: readonly Float64Array[], item: number): Float64Array[] {
  const [pivot, ...others] = [...basis].sort((a, b) => Math.abs(b[item] ?? 0) - Math.abs(a[item] ?? 0));
  if (pivot === undefined) return [];
  const found: Float64Array[] = [];
  for (const vector of others) {
    const factor = (vector[item] ?? 0) / (pivot[item] ?? 1);
    const next = vector.map((value, index) => value - factor * (pivot[index] ?? 0));
    // Twice: once leaves rounding behind.
    for (const other of [...found, ...found]) {
      const product = dot(next, other);
      for (let index = 0; index < next.length; index++)
        next[index] = (next[index] ?? 0) - product * (other[index] ?? 0);
    }
    const length = Math.sqrt(dot(next, next));
    found.push(next.map((value) => value / length));
  }
  return found;
}

/** Σ aᵢ bᵢ. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
