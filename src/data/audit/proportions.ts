/** A number that was estimated, and the interval that holds the true one in 95 of 100 such studies. */
export interface Estimated {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The 97.5% quantile of the normal distribution: 95% lie within ± it. */
export const z95 = 1.959963984540054;

/**
 * The share k / n with Wilson's interval (1927):
 *
 *   (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n)
 *
 * It stays within 0 … 1 and has a width also where all or none were counted, unlike p ± z √(p (1 − p) / n). Wilson, "Probable
 * inference, the law of succession, and statistical inference", JASA 22:209; why this one: Brown, Cai and DasGupta 2001.
 *
 * @example
 * wilson(8, 10); // { value: 0.8, low: 0.490, high: 0.943 }
 */
export function wilson(k: number, n: number): Estimated {
  if (n === 0) return { value: Number.NaN, low: 0, high: 1 };
  const value = k / n;
  const spread = z95 ** 2 / n;
  const middle = (value + spread / 2) / (1 + spread);
  const half = (z95 * Math.sqrt((value * (1 - value)) / n + spread / (4 * n))) / (1 + spread);
  // The formula meets 0 and 1 exactly, its rounding does not.
  return { value, low: k === 0 ? 0 : Math.max(0, middle - half), high: k === n ? 1 : Math.min(1, middle + half) };
}

/**
 * The share in a population of N of which n were drawn without replacement, k of them counted, with the exact interval: from the
 * smallest to the largest number K of the population for which neither P(X ≥ k) nor P(X ≤ k) is below 0.025, X being
 * hypergeometric (Clopper and Pearson 1934; for finite populations Buonaccorsi 1987). It never holds the truth less often than
 * 95 of 100 times, also for rare things, of which Wilson's lower limit is too high; and where all were counted it is a point.
 */
export function sampledShare(k: number, n: number, population: number): Estimated {
  if (n === 0) return { value: Number.NaN, low: 0, high: 1 };
  const chance = (K: number, from: number, to: number): number => {
    let sum = 0;
    const all = logChoose(population, n);
    for (let x = Math.max(from, n - population + K); x <= Math.min(to, K); x++) {
      sum += Math.exp(logChoose(K, x) + logChoose(population - K, n - x) - all);
    }
    return sum;
  };
  // The chance of k or more grows with K, that of k or fewer falls; k of the n drawn are counted, n − k are not.
  const low = leastWith(k, population - n + k, (K) => chance(K, k, n) >= 0.025);
  const high = leastWith(low, population - n + k + 1, (K) => chance(K, 0, k) < 0.025) - 1;
  return { value: k / n, low: low / population, high: Math.max(low, high) / population };
}

/** The least whole number from `from` on that is so, where all after it are, too; `to` if none before it is. */
function leastWith(from: number, to: number, isSo: (number: number) => boolean): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isSo(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** So many of so many. */
export interface Count {
  readonly k: number;
  readonly n: number;
}

/**
 * How many times as frequent something is in a as in b: (k/n) / (K/N), with the interval of Katz et al. 1978,
 *
 *   exp(ln ratio ± z √(1/k − 1/n + 1/K − 1/N)).
 *
 * Where k or K is 0, half a case is added to each of the four (Walter 1975), so that there is a number to give.
 */
export function rateRatio(a: Count, b: Count): Estimated {
  const add = a.k === 0 || b.k === 0 ? 0.5 : 0;
  const [k, n, otherK, otherN] = [a.k + add, a.n + add, b.k + add, b.n + add];
  const value = k / n / (otherK / otherN);
  const half = z95 * Math.sqrt(Math.max(0, 1 / k - 1 / n + 1 / otherK - 1 / otherN));
  return { value, low: value * Math.exp(-half), high: value * Math.exp(half) };
}

/** Expected cases below which a test by the normal distribution is not trusted (Cochran 1954). */
const FEW = 5;

/**
 * How probable counts as far apart as these are, or further, if both groups have one rate: the two-sided test of two proportions
 * by pooled variance,
 *
 *   z = (p₁ − p₂) / √(p (1 − p) (1/n₁ + 1/n₂)),  p = (k₁ + k₂) / (n₁ + n₂),
 *
 * and where fewer than 5 cases are expected in a cell, Fisher's exact test (1935). Both take each document for an independent
 * draw; documents of one source resemble each other, so that a small p-value of few sources says less than it seems to.
 */
export function proportionTest(a: Count, b: Count): number {
  const total = a.n + b.n;
  const cases = a.k + b.k;
  if (a.n === 0 || b.n === 0 || cases === 0 || cases === total) return 1;
  const expected = (Math.min(cases, total - cases) * Math.min(a.n, b.n)) / total;
  if (expected < FEW) return fisher(a, b);
  const pooled = cases / total;
  const z = (a.k / a.n - b.k / b.n) / Math.sqrt(pooled * (1 - pooled) * (1 / a.n + 1 / b.n));
  return erfc(Math.abs(z) / Math.SQRT2);
}

/** The sum of the probabilities of all tables with these margins that are no more probable than this one. */
function fisher(a: Count, b: Count): number {
  const total = a.n + b.n;
  const cases = a.k + b.k;
  const least = Math.max(0, cases - b.n);
  const most = Math.min(cases, a.n);
  const logAll = logChoose(total, cases);
  const probability = (k: number): number => Math.exp(logChoose(a.n, k) + logChoose(b.n, cases - k) - logAll);
  const own = probability(a.k) * (1 + 1e-7);
  let sum = 0;
  for (let k = least; k <= most; k++) {
    const each = probability(k);
    if (each <= own) sum += each;
  }
  return Math.min(1, sum);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** ln n!, by Stirling's series from 15 on: its error is below 1e-12. */
function logFactorial(n: number): number {
  if (n < 15) {
    let product = 1;
    for (let factor = 2; factor <= n; factor++) product *= factor;
    return Math.log(product);
  }
  const inverse = 1 / n;
  return (
    (n + 0.5) * Math.log(n) -
    n +
    0.5 * Math.log(2 * Math.PI) +
    inverse / 12 -
    inverse ** 3 / 360 +
    inverse ** 5 / 1260 -
    inverse ** 7 / 1680
  );
}

/** 1 − erf x for x ≥ 0, to a relative error of 1.2e-7 (Press et al., "Numerical Recipes", 6.2). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  return t * Math.exp(-x * x + terms.reduceRight((sum, term) => sum * t + term, 0));
}

/**
 * Holm's correction (1979) of several p-values: the smallest times m, the next times m − 1, …, none smaller than the one before.
 * Whatever falls below 0.05 after it may be believed together: the chance that any of them is chance is below 0.05.
 */
export function holm(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1));
  const corrected = new Array<number>(pValues.length).fill(1);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues[index] ?? 1) * (pValues.length - rank)));
    corrected[index] = largest;
  });
  return corrected;
}
