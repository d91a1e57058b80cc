import { TrainbookError } from '../../error.js';

/** How the privacy of many picks adds up. */
export type Composition = 'basic' | 'advanced' | 'zCDP';

/** What a selection spends, and how it comes about. */
export interface PrivacyAccount {
  /** (ε, δ) of the whole selection. */
  readonly epsilon: number;
  readonly delta: number;
  readonly picks: number;
  /** ε of each pick. */
  readonly epsilonPerPick: number;
  readonly composition: Composition;
  /** The most by which one record may change a score. */
  readonly sensitivity: number;
}

/**
 * ε of k picks of ε₀ each, at a δ:
 *
 *   basic      k ε₀                                              (δ = 0)
 *   advanced   √(2k ln 1/δ) ε₀ + k ε₀ (e^ε₀ − 1)                 (Dwork, Rothblum and Vadhan 2010; Dwork and Roth 2014, theorem 3.20)
 *   zCDP       ρ + 2 √(ρ ln 1/δ),  ρ = k ε₀²/8                   (Bun and Steinke 2016, 1605.02065, proposition 1.3; an exponential
 *                                                                mechanism of ε₀ has ρ = ε₀²/8: Cesar and Rogers 2021, 2004.07223)
 *
 * @example
 * composed('basic', 0.1, 10, 0); // 1
 */
export function composed(composition: Composition, epsilonPerPick: number, picks: number, delta: number): number {
  if (composition === 'basic') return picks * epsilonPerPick;
  const log = Math.log(1 / delta);
  if (composition === 'advanced') {
    return Math.sqrt(2 * picks * log) * epsilonPerPick + picks * epsilonPerPick * Math.expm1(epsilonPerPick);
  }
  const rho = (picks * epsilonPerPick ** 2) / 8;
  return rho + 2 * Math.sqrt(rho * log);
}

/**
 * The account of a selection that may spend (ε, δ): the largest ε₀ for each pick that keeps within it, by the composition that is asked
 * for, or by the one that allows most.
 *
 * @throws TrainbookError if ε or δ is none, or a composition needs a δ above 0.
 * @example
 * privacyAccount({ epsilon: 1, delta: 1e-6, picks: 1000, sensitivity: 1 }).epsilonPerPick; // 0.0118, by zCDP
 */
export function privacyAccount(asked: {
  readonly epsilon: number;
  readonly delta: number;
  readonly picks: number;
  readonly sensitivity: number;
  readonly composition?: Composition;
}): PrivacyAccount {
  const { epsilon, delta, picks, sensitivity, composition } = asked;
  if (!(epsilon > 0 && Number.isFinite(epsilon)) || !(delta >= 0 && delta < 1) || !(sensitivity > 0)) {
    throw new TrainbookError({
      what: 'selectPrivately: no such privacy',
      received: `ε ${epsilon}, δ ${delta}, sensitivity ${sensitivity}`,
      expected: 'ε above 0, δ from 0 to below 1, a sensitivity above 0',
      fix: 'ε of 1 to 10 and δ below 1 / the number of records are usual',
    });
  }
  if (delta === 0 && composition !== undefined && composition !== 'basic') {
    throw new TrainbookError({
      what: `selectPrivately: ${composition} composition needs a δ`,
      received: delta,
      expected: 'δ above 0',
      fix: 'give a δ such as 1e-6, or take basic composition',
    });
  }
  const all = delta === 0 ? (['basic'] as const) : (['basic', 'advanced', 'zCDP'] as const);
  const allowed = (composition === undefined ? all : [composition]).map((name) => {
    return {
      composition: name,
      epsilonPerPick: largest((one) => composed(name, one, picks, delta) <= epsilon, epsilon),
    };
  });
  const best = allowed.reduce((a, b) => (b.epsilonPerPick > a.epsilonPerPick ? b : a));
  const spent = composed(best.composition, best.epsilonPerPick, picks, delta);
  return { epsilon: spent, delta: best.composition === 'basic' ? 0 : delta, picks, sensitivity, ...best };
}

/** The largest ε₀ that is allowed, from below. ε₀ may be above ε for none of the compositions but zCDP, and there by 8 at most. */
function largest(isAllowed: (epsilon: number) => boolean, epsilon: number): number {
  let [low, high] = [0, Math.max(8 * epsilon, 8)];
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2;
    if (isAllowed(middle)) low = middle;
    else high = middle;
  }
  return low;
}
