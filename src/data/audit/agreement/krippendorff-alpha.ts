/** How far apart two values are: equal or not, or by how many values lie between them. */
export type AgreementScale = 'nominal' | 'ordinal';

/** How often two annotators gave the values c and k to one thing: o[c][k], by the number of each value in the domain. */
export type Coincidences = readonly (readonly number[])[];

/**
 * How far annotators agree beyond chance, with any number of them, and values missing (Krippendorff 2011, "Computing Krippendorff's
 * alpha-reliability"):
 *
 *   α = 1 − D_o / D_e = 1 − (n − 1) Σ_ck o_ck δ²_ck / Σ_ck n_c n_k δ²_ck
 *
 * with o the coincidences, n_c their sum over k, n the sum of all, and δ² the squared distance of two values: 1 for any two on a `nominal`
 * scale, (Σ_{g=c…k} n_g − (n_c + n_k) / 2)² on an `ordinal` one. 1 is perfect agreement, 0 that of chance, below 0 is worse than chance.
 * NaN where all values are equal: chance then agrees as well.
 *
 * @param units What the annotators said of each thing; things of which fewer than two said something do not count.
 * @example
 * krippendorffAlpha([[1, 1], [2, 2], [3, 3], [1, 2]], 'ordinal'); // 0.79
 */
export function krippendorffAlpha(units: readonly (readonly number[])[], scale: AgreementScale): number {
  const domain = [...new Set(units.flat())].sort((a, b) => a - b);
  return alphaOf(coincidences(units, domain), scale);
}

/** Each unit of m values gives each ordered pair of its values 1 / (m − 1). */
export function coincidences(units: readonly (readonly number[])[], domain: readonly number[]): Coincidences {
  const counted = domain.map(() => domain.map(() => 0));
  for (const unit of units) {
    if (unit.length < 2) continue;
    const places = unit.map((value) => domain.indexOf(value));
    places.forEach((place, at) => {
      const row = counted[place];
      places.forEach((other, otherAt) => {
        if (row !== undefined && at !== otherAt) row[other] = (row[other] ?? 0) + 1 / (unit.length - 1);
      });
    });
  }
  return counted;
}

/** α of coincidences of values in ascending order. */
export function alphaOf(counted: Coincidences, scale: AgreementScale): number {
  const totals = counted.map((row) => row.reduce((sum, count) => sum + count, 0));
  const all = totals.reduce((sum, count) => sum + count, 0);
  const distance = scale === 'nominal' ? nominal : ordinal(totals);
  let [observed, expected] = [0, 0];
  counted.forEach((row, c) => {
    row.forEach((count, k) => {
      const apart = distance(c, k);
      observed += count * apart;
      expected += (totals[c] ?? 0) * (totals[k] ?? 0) * apart;
    });
  });
  return expected === 0 ? Number.NaN : 1 - ((all - 1) * observed) / expected;
}

const nominal = (c: number, k: number): number => (c === k ? 0 : 1);

const ordinal =
  (totals: readonly number[]) =>
  (c: number, k: number): number => {
    const between = totals.slice(Math.min(c, k), Math.max(c, k) + 1).reduce((sum, count) => sum + count, 0);
    return (between - ((totals[c] ?? 0) + (totals[k] ?? 0)) / 2) ** 2;
  };
