import { uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';

/** How much a pick may show, and how much one record may change a score. */
export interface PickPrivacy {
  /** ε of one pick. */
  readonly epsilon: number;
  /** Δ: the most by which any score differs between two data sets of which one has one record more or another one. */
  readonly sensitivity: number;
}

/**
 * The exponential mechanism (McSherry and Talwar 2007, "Mechanism Design via Differential Privacy"): an item of score u is picked
 * with probability
 *
 *   p(i) = exp(ε uᵢ / 2Δ) / Σⱼ exp(ε uⱼ / 2Δ).
 *
 * Let all scores change by at most Δ: the numerator changes by a factor of at most e^(ε/2), the sum too, so p by at most e^ε.
 *
 * @example
 * pickProbabilities([0, 1], { epsilon: 2 * Math.log(3), sensitivity: 1 }); // [0.25, 0.75]
 */
export function pickProbabilities(scores: readonly number[], { epsilon, sensitivity }: PickPrivacy): readonly number[] {
  const exponents = scores.map((score) => (epsilon * score) / (2 * sensitivity));
  const highest = Math.max(...exponents);
  const weights = exponents.map((exponent) => Math.exp(exponent - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * `count` items picked one after the other by the exponential mechanism, each from those not picked yet; in order of picking. All
 * picks are made at once: the items with the `count` highest values of uᵢ + (2Δ/ε) Gᵢ, Gᵢ = −ln(−ln Uᵢ) standard Gumbel noise, have exactly
 * these probabilities (Durfee and Rogers 2019, "Practical Differentially Private Top-k Selection", 1905.04273, lemma 4.2).
 */
export function pick(
  scores: ArrayLike<number>,
  count: number,
  { epsilon, sensitivity }: PickPrivacy,
  key: Key,
): number[] {
  const scale = (2 * sensitivity) / epsilon;
  const noise = uniformNumbers(key, scores.length);
  // Half a step above 0: U lies in (0, 1).
  const noisy = Float64Array.from(
    noise,
    (u, index) => (scores[index] ?? 0) - scale * Math.log(-Math.log(u + 2 ** -54)),
  );
  const order = Array.from(noisy.keys());
  order.sort((a, b) => (noisy[b] ?? 0) - (noisy[a] ?? 0) || a - b);
  return order.slice(0, count);
}
