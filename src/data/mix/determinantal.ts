/** How alike two items are, by their numbers: a positive semi-definite kernel. */
export type Kernel = (a: number, b: number) => number;

/** An item that was chosen, and by what factor it raised the determinant of those chosen before. */
export interface Chosen {
  readonly item: number;
  readonly gain: number;
}

/** Below this part of the largest L(i, i), what an item adds is rounding. */
const NOTHING = 1e-10;

/**
 * Greedily the items whose kernel matrix has the largest determinant (a determinantal point process' most likely set is NP-hard to
 * find): each time the item that raises log det most,
 *
 *   det L(Y ∪ i) / det L(Y) = L(i, i) − ‖cᵢ‖² = dᵢ²,
 *
 * where c and d are what the Cholesky factor of L(Y ∪ i) would have in i's row. After j is chosen every other row grows by one number,
 * eᵢ = (L(j, i) − ⟨cⱼ, cᵢ⟩) / dⱼ, and dᵢ² falls by eᵢ²: O(n k²) for k of n items (Chen, Zhang and Zhou 2018, "Fast Greedy MAP Inference for
 * Determinantal Point Process", 1709.05135). Of equals the first. Fewer than `size` where nothing else adds anything: the rest are
 * combinations of what is chosen.
 *
 * @example
 * greedyDeterminant(3, 2, (a, b) => [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 0.5]][a]?.[b] ?? 0); // items 0 and 2
 */
export function greedyDeterminant(numItems: number, size: number, kernel: Kernel): readonly Chosen[] {
  const gains = Float64Array.from({ length: numItems }, (_, item) => kernel(item, item));
  const least = NOTHING * gains.reduce((most, gain) => Math.max(most, gain), 0);
  const factors: Float64Array[] = []; // [size chosen][numItems]: column j of the Cholesky factor
  const chosen: Chosen[] = [];
  while (chosen.length < size) {
    let best = -1;
    for (let item = 0; item < numItems; item++) {
      const gain = gains[item] ?? 0;
      if (gain > least && (best < 0 || gain > (gains[best] ?? 0))) best = item;
    }
    if (best < 0) break;
    const gain = gains[best] ?? 0;
    chosen.push({ item: best, gain });
    const root = Math.sqrt(gain);
    const column = new Float64Array(numItems);
    for (let item = 0; item < numItems; item++) {
      if ((gains[item] ?? 0) <= least && item !== best) continue;
      let product = 0;
      for (const factor of factors) product += (factor[best] ?? 0) * (factor[item] ?? 0);
      const value = (kernel(best, item) - product) / root;
      column[item] = value;
      gains[item] = (gains[item] ?? 0) - value ** 2;
    }
    factors.push(column);
    gains[best] = -Infinity;
  }
  return chosen;
}
