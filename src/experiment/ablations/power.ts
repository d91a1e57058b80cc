import { incompleteBeta, logGamma, logGammaHalfStep, twoSidedQuantile } from './student-t.js';

/** Φ, the distribution of a standard normal number, by its complement in Student's t with no end of degrees: see `normalTail`. */
function normalCdf(z: number): number {
  return z < 0 ? normalTail(-z) : 1 - normalTail(z);
}

/**
 * 1 − Φ(z) for z ≥ 0: for small z by Φ(z) − ½ = φ(z)·(z + z³/3 + z⁵/15 + …) (Abramowitz and Stegun 26.2.11), for large z by
 * Laplace's continued fraction φ(z) / (z + 1/(z + 2/(z + …))) (26.2.14).
 */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 4) {
    let term = z;
    let sum = z;
    for (let odd = 3; term > 1e-18 * sum; odd += 2) {
      term *= (z * z) / odd;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let index = 100; index > 0; index--) fraction = z + index / fraction;
  return density / fraction;
}

/**
 * P(T ≤ t) for the noncentral t distribution, t ≥ 0: the series of Lenth (1989), "Cumulative distribution function of the non-central t
 * distribution" (AS 243),
 *
 *   Φ(−δ) + ½ Σⱼ pⱼ I_x(j + ½, ν/2) + qⱼ I_x(j + 1, ν/2), x = t² / (t² + ν),
 *
 * with pⱼ = e^(−δ²/2) (δ²/2)ʲ / j! and qⱼ = δ/√2 · e^(−δ²/2) (δ²/2)ʲ / Γ(j + 3/2).
 */
export function noncentralCdf(t: number, degrees: number, noncentrality: number): number {
  const square = t * t;
  const x = square / (square + degrees);
  const y = degrees / (square + degrees);
  const b = degrees / 2;
  const half = (noncentrality * noncentrality) / 2;
  let p = Math.exp(-half);
  let q = (noncentrality * Math.SQRT1_2 * Math.exp(-half)) / Math.exp(logGamma(1.5));
  // I_x(a + 1, b) = I_x(a, b) − xᵃ yᵇ / (a B(a, b))
  const logY = b * (y > 0.5 ? Math.log1p(-x) : Math.log(y));
  let odd = incompleteBeta(x, 0.5, b, y);
  let even = -Math.expm1(logY); // I_x(1, b) = 1 − yᵇ
  // xᵃ yᵇ Γ(a + b) / (Γ(a + 1) Γ(b)) for a = ½ and 1
  let oddStep = Math.sqrt(x) * Math.exp(logY + logGammaHalfStep(b) - logGamma(1.5));
  let evenStep = x * b * Math.exp(logY);
  let sum = 0;
  let rest = 1; // what the Poisson weights still add up to bounds the error
  for (let j = 0; j < 10_000 && rest > 1e-14; j++) {
    sum += p * odd + q * even;
    rest -= p;
    odd -= oddStep;
    even -= evenStep;
    oddStep *= (x * (j + 0.5 + b)) / (j + 1.5);
    evenStep *= (x * (j + 1 + b)) / (j + 2);
    p *= half / (j + 1);
    q *= half / (j + 1.5);
  }
  return normalCdf(-noncentrality) + sum / 2;
}

/**
 * The chance that a two-sided paired t-test at 5% with n pairs finds a true difference of `effect` standard deviations of the
 * differences: P(|T′| ≥ t₀.₀₂₅) with T′ noncentral, δ = effect · √n.
 */
export function pairedPower(effect: number, numPairs: number): number {
  const degrees = numPairs - 1;
  const critical = twoSidedQuantile(0.05, degrees);
  const noncentrality = Math.abs(effect) * Math.sqrt(numPairs);
  // P(T′ ≤ −t) is that a test finds a difference of the wrong sign: P(T ≥ t) with −δ, which the same series gives.
  const below = 1 - noncentralCdf(critical, degrees, -noncentrality);
  return 1 - noncentralCdf(critical, degrees, noncentrality) + below;
}

/** Beyond so many pairs the normal approximation is exact to a pair. */
const largest = 10_000;

/**
 * The smallest number of pairs with which a paired t-test at the 5% level finds a true difference of `effect` standard deviations with a
 * chance of 80%. By the noncentral t distribution; where that needs more than 10,000 pairs, by (z₀.₉₇₅ + z₀.₈)² / effect² + z₀.₉₇₅²/2
 * (Guenther 1981). Undefined for no effect at all.
 *
 * @example
 * seedsNeeded(1); // 10
 */
export function seedsNeeded(effect: number): number | undefined {
  if (!(Math.abs(effect) > 0)) return undefined;
  if (!Number.isFinite(effect)) return 2;
  const approximate = Math.ceil((1.959963984540054 + 0.8416212335729143) ** 2 / effect ** 2 + 1.9207294103470142);
  if (!(approximate <= largest)) return Number.isSafeInteger(approximate) ? approximate : undefined;
  let number = Math.max(2, approximate);
  while (number > 2 && pairedPower(effect, number - 1) >= 0.8) number--;
  while (pairedPower(effect, number) < 0.8) number++;
  return number;
}
