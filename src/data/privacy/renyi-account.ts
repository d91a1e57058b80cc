import { TrainbookError } from '../../error.js';
import { renyiOfSampledGaussian } from './sampled-gaussian.js';
import type { SampledGaussian } from './sampled-gaussian.js';

/** What is known of a mechanism: its Rényi divergence ε(α), for any order α above 1. */
export type RenyiCurve = (order: number) => number;

/** What is spent: the chance of any outcome changes by a factor of at most e^ε for one record more or less, but for δ. */
export interface PrivacySpent {
  /** Infinity where nothing is protected. */
  readonly epsilon: number;
  readonly delta: number;
}

/** The orders that are looked at, those of Opacus: 1.1, 1.2, … 10.9, then whole ones to 63. The best of few loses little. */
export const renyiOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, index) => 1 + (index + 1) / 10),
  ...Array.from({ length: 52 }, (_, index) => index + 12),
];

/**
 * Of a Rényi curve the ε at a δ:
 *
 *   ε = min over α of ε(α) + ln((α − 1)/α) − (ln δ + ln α)/(α − 1)
 *
 * Canonne, Kamath and Steinke 2020, "The discrete Gaussian for differential privacy" (2004.00010), proposition 12; as in Opacus and
 * dp-accounting. The curves of mechanisms that are used one after the other add up: an exponential mechanism of ε₀ has ε(α) ≤ α ε₀² / 8.
 *
 * @throws TrainbookError if δ is not between 0 and 1.
 * @example
 * epsilonOf((order) => 100 * renyiOfSampledGaussian({ sampleRate: 0.1, noiseMultiplier: 1.1 }, order), 1e-5);
 */
export function epsilonOf(curve: RenyiCurve, delta: number): number {
  checkDelta(delta);
  const bounds = renyiOrders.map((order) => {
    const divergence = curve(order);
    return divergence + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1);
  });
  return Math.max(0, Math.min(...bounds));
}

/** Steps of a sampled Gaussian mechanism. */
export interface GaussianSteps extends SampledGaussian {
  readonly steps: number;
  readonly delta: number;
}

/**
 * The (ε, δ) of training by noisy sums of clipped parts: Abadi 2016, "Deep learning with differential privacy" (1607.00133), by Rényi
 * divergences (Mironov 2017, 1702.07476). Neighbours are data sets of which one has one record (or client) more.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * gaussianSpent({ sampleRate: 256 / 60_000, noiseMultiplier: 1.1, steps: 14_000, delta: 1e-5 }).epsilon; // 2.590
 */
export function gaussianSpent({ steps, delta, ...mechanism }: GaussianSteps): PrivacySpent {
  const { sampleRate, noiseMultiplier } = mechanism;
  const isOut =
    !(sampleRate >= 0 && sampleRate <= 1) || !(noiseMultiplier >= 0) || !Number.isInteger(steps) || steps < 0;
  if (isOut) {
    throw new TrainbookError({
      what: 'gaussianSpent: there is no such mechanism',
      received: `sampleRate ${sampleRate}, noiseMultiplier ${noiseMultiplier}, ${steps} steps`,
      expected: 'a sampleRate from 0 to 1, a noiseMultiplier from 0 on, a whole number of steps',
    });
  }
  checkDelta(delta);
  if (steps === 0 || sampleRate === 0) return { epsilon: 0, delta };
  return { epsilon: epsilonOf((order) => steps * renyiOfSampledGaussian(mechanism, order), delta), delta };
}

/**
 * The least noise multiplier, to 4 digits and from above, by which so many steps spend at most ε at δ.
 *
 * @throws TrainbookError if no noise up to 1000 does, or a number is out of range.
 * @example
 * noiseFor({ epsilon: 8, delta: 1e-5, sampleRate: 0.1, steps: 100 }); // 0.993
 */
export function noiseFor({
  epsilon,
  ...asked
}: Omit<GaussianSteps, 'noiseMultiplier'> & { readonly epsilon: number }): number {
  const suffices = (noiseMultiplier: number): boolean =>
    gaussianSpent({ ...asked, noiseMultiplier }).epsilon <= epsilon;
  let [low, high] = [0, 1];
  while (high <= mostNoise && !suffices(high)) [low, high] = [high, 2 * high];
  if (!(epsilon > 0) || high > mostNoise) {
    throw new TrainbookError({
      what: 'noiseFor: there is no noise for such a privacy',
      received: `ε ${epsilon} at δ ${asked.delta}, ${asked.steps} steps`,
      expected: 'an ε above 0 that noise below 1000 times the clipping norm can give',
      fix: 'ε of 1 to 10 and δ below 1 / the number of records (or clients) are usual',
    });
  }
  while (high - low > 1e-4 * high) {
    const middle = (low + high) / 2;
    if (suffices(middle)) high = middle;
    else low = middle;
  }
  return high;
}

const mostNoise = 1000;

function checkDelta(delta: number): void {
  if (delta > 0 && delta < 1) return;
  throw new TrainbookError({
    what: 'privacy: a Gaussian mechanism needs a δ',
    received: delta,
    expected: 'a number between 0 and 1',
    fix: 'take a δ below 1 / the number of records (or clients), such as 1e-5',
  });
}
