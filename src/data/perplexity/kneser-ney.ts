import type { Discounts } from './ngram-model.js';

/** What KenLM takes where a corpus is too small or too regular to say: D₁, D₂, D₃₊. */
const FALLBACK = [0.5, 1, 1.5] as const;

/**
 * The discounts of modified Kneser–Ney smoothing for the n-grams of one order, from how many of them have a count of exactly
 * 1, 2, 3, 4 (t₁ … t₄):
 *
 *   Y = t₁ / (t₁ + 2 t₂),   D₁ = 1 − 2Y t₂/t₁,   D₂ = 2 − 3Y t₃/t₂,   D₃₊ = 3 − 4Y t₄/t₃,
 *
 * the estimate that leaves out one occurrence at a time (Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for
 * Language Modeling", TR-10-98, section 4.1.6). Where t₁, t₂ or t₃ is 0 or a discount does not lie in 0 … k, all three are the
 * fallback's.
 *
 * @example
 * kneserNeyDiscounts([0, 40, 15, 8, 5]).values; // Y = 4/7: 0.571, 1.086, 1.571
 */
export function kneserNeyDiscounts(counts: readonly number[]): Discounts {
  const t = (count: number): number => counts[count] ?? 0;
  const y = t(1) / (t(1) + 2 * t(2));
  const discount = (count: number): number => count - ((count + 1) * y * t(count + 1)) / t(count);
  const values = [discount(1), discount(2), discount(3)] as const;
  const isSound = t(1) * t(2) * t(3) > 0 && values.every((value, index) => value >= 0 && value <= index + 1);
  return { values: isSound ? values : FALLBACK, isFallback: !isSound };
}

/** The discount of a count. */
export function discountOf({ values: [one, two, more] }: Discounts, count: number): number {
  return count === 0 ? 0 : count === 1 ? one : count === 2 ? two : more;
}
