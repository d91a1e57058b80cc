/**
 * How alike two rankings are. Of all pairs of things, P are in one order in both, Q in opposite orders, T are tied in the first alone, U in
 * the second alone:
 *
 *   τ_b = (P − Q) / √((P + Q + T)(P + Q + U))
 *
 * (Kendall 1945, "The treatment of ties in ranking problems"). 1 for the same order, −1 for the reverse. NaN where a ranking has all equal.
 *
 * @param first A rank for each thing, and `second` likewise.
 * @example
 * kendallTau([1, 2, 3], [1, 3, 2]); // 0.333…
 */
export function kendallTau(first: readonly number[], second: readonly number[]): number {
  if (first.length !== second.length) throw new Error(`kendallTau: ${first.length} and ${second.length} ranks`);
  let [score, untiedInFirst, untiedInSecond] = [0, 0, 0];
  for (let i = 0; i < first.length; i++) {
    for (let j = i + 1; j < first.length; j++) {
      const a = Math.sign((first[i] ?? 0) - (first[j] ?? 0));
      const b = Math.sign((second[i] ?? 0) - (second[j] ?? 0));
      score += a * b;
      untiedInFirst += Math.abs(a);
      untiedInSecond += Math.abs(b);
    }
  }
  return score / Math.sqrt(untiedInFirst * untiedInSecond);
}
