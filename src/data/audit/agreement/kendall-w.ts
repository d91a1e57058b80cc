/**
 * How far m rankings of n things agree. With R_i the sum of the ranks of a thing, ties having the mean of the ranks that they share, and
 * T = Σ (t³ − t) over the ties of each ranking,
 *
 *   W = (12 Σ_i R_i² − 3 m² n (n + 1)²) / (m² n (n² − 1) − m Σ T)
 *
 * (Kendall and Babington Smith 1939, "The problem of m rankings"; with ties Kendall 1948). 1 for the same order in all, 0 for none. NaN where
 * all rankings have all equal. Friedman's χ² is m (n − 1) W.
 *
 * @param rankings The ranks of the n things, by each annotator; any numbers, the lower the better.
 * @example
 * kendallW([[1, 2, 3], [1, 2, 3], [1, 3, 2]]); // 0.777…
 */
export function kendallW(rankings: readonly (readonly number[])[]): number {
  const numThings = rankings[0]?.length ?? 0;
  const numRankings = rankings.length;
  const sums = new Array<number>(numThings).fill(0);
  let ties = 0;
  for (const ranks of rankings) {
    if (ranks.length !== numThings) throw new Error(`kendallW: ${numThings} and ${ranks.length} ranks`);
    ranks.forEach((own, at) => {
      const below = ranks.filter((rank) => rank < own).length;
      const equal = ranks.filter((rank) => rank === own).length;
      sums[at] = (sums[at] ?? 0) + below + (equal + 1) / 2;
      ties += equal ** 2 - 1; // each of t tied things: (t³ − t) / t
    });
  }
  const squares = sums.reduce((sum, rank) => sum + rank ** 2, 0);
  const above = 12 * squares - 3 * numRankings ** 2 * numThings * (numThings + 1) ** 2;
  const below = numRankings ** 2 * numThings * (numThings ** 2 - 1) - numRankings * ties;
  return below === 0 ? Number.NaN : above / below;
}
