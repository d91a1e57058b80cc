import { logErfc } from './log-erfc.js';

// Legend: q, the chance by which a record (or a client) takes part in a step; σ, the noise's deviation over the most that one of them adds.

/** Gaussian noise on a sum of which each part is there by chance. */
export interface SampledGaussian {
  /** q, from 0 to 1: each takes part in a step with this chance, independently of the others (Poisson sampling). */
  readonly sampleRate: number;
  /** σ: the deviation of the noise, as a multiple of the norm to which each part is clipped. */
  readonly noiseMultiplier: number;
}

/**
 * The Rényi divergence, at an order α > 1, of one step with a record from the same step without it, whichever way round is larger:
 *
 *   ε(α) = ln A(α) / (α − 1),   A(α) = E_{z ~ N(0, σ²)} [((1 − q) + q · e^((2z − 1) / 2σ²))^α].
 *
 * For whole α a sum of binomial terms, else two series: Mironov, Talwar and Zhang 2019, "Rényi differential privacy of the sampled
 * Gaussian mechanism" (1908.10530), section 3.3. Without sampling (q = 1) it is α / 2σ². Steps add up.
 *
 * @example
 * renyiOfSampledGaussian({ sampleRate: 1, noiseMultiplier: 2 }, 8); // 1
 */
export function renyiOfSampledGaussian(
  { sampleRate: q, noiseMultiplier: sigma }: SampledGaussian,
  order: number,
): number {
  if (q === 0) return 0;
  if (sigma === 0) return Infinity;
  if (q === 1) return order / (2 * sigma ** 2);
  const log = Number.isInteger(order) ? logMomentWhole(q, sigma, order) : logMomentBroken(q, sigma, order);
  return log / (order - 1);
}

/** ln Σₖ C(α, k) (1 − q)^(α − k) q^k e^((k² − k) / 2σ²). */
function logMomentWhole(q: number, sigma: number, order: number): number {
  let logBinomial = 0;
  let log = -Infinity;
  for (let k = 0; k <= order; k++) {
    const term = logBinomial + (order - k) * Math.log1p(-q) + k * Math.log(q) + (k * k - k) / (2 * sigma ** 2);
    log = logAdd(log, term);
    logBinomial += Math.log((order - k) / (k + 1));
  }
  return log;
}

/** Terms below e^−30 of 1 are left out. */
const smallestTerm = -30;

/** The integral in two parts, left and right of where both densities are equal, each expanded by the binomial series. */
function logMomentBroken(q: number, sigma: number, order: number): number {
  const border = sigma ** 2 * Math.log(1 / q - 1) + 0.5;
  const exponent = (i: number): number => (i * i - i) / (2 * sigma ** 2);
  const tail = (x: number): number => Math.log(0.5) + logErfc(x / (Math.SQRT2 * sigma));
  let [below, above] = [-Infinity, -Infinity];
  let binomial = 1;
  for (let i = 0; ; i++) {
    const j = order - i;
    const logBinomial = Math.log(Math.abs(binomial));
    const left = logBinomial + i * Math.log(q) + j * Math.log1p(-q) + exponent(i) + tail(i - border);
    const right = logBinomial + j * Math.log(q) + i * Math.log1p(-q) + exponent(j) + tail(border - j);
    const combine = binomial > 0 ? logAdd : logSubtract;
    below = combine(below, left);
    above = combine(above, right);
    binomial *= (order - i) / (i + 1);
    if (i > order && Math.max(left, right) < smallestTerm) return logAdd(below, above);
  }
}

/** ln(eᵃ + eᵇ). */
function logAdd(a: number, b: number): number {
  const high = Math.max(a, b);
  return high === -Infinity ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high));
}

/** ln(eᵃ − eᵇ), a ≥ b. */
function logSubtract(a: number, b: number): number {
  return b === -Infinity ? a : a + Math.log(-Math.expm1(b - a));
}
