/**
 * How far two annotators agree beyond chance: with p_o the share of things of which they say the same, and p_e = Σ_c p_c q_c that of
 * chance, from how often each says c,
 *
 *   κ = (p_o − p_e) / (1 − p_e)
 *
 * (Cohen 1960, "A coefficient of agreement for nominal scales"). NaN where both always say the same one thing, and where there is nothing.
 *
 * @param first What the one says of each thing, and `second` the other, in the same order.
 * @example
 * cohenKappa(['A', 'A', 'B', 'B'], ['A', 'A', 'B', 'A']); // 0.5
 */
export function cohenKappa<Label>(first: readonly Label[], second: readonly Label[]): number {
  if (first.length !== second.length) {
    throw new Error(`cohenKappa: ${first.length} and ${second.length} labels`);
  }
  const count = first.length;
  const agreed = first.filter((label, at) => label === second[at]).length / count;
  let chance = 0;
  for (const label of new Set(first)) {
    const share = (labels: readonly Label[]): number => labels.filter((one) => one === label).length / count;
    chance += share(first) * share(second);
  }
  return chance === 1 ? Number.NaN : (agreed - chance) / (1 - chance);
}
