/** Lanczos (1964) with g = 7 and nine terms (Godfrey 2001): ln Γ to about 15 digits for x > 0. */
const lanczosConstant = 0.99999999999980993;
const lanczos: readonly number[] = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x), x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  const sum = lanczos.reduce(
    (total, coefficient, index) => total + coefficient / (shifted + index + 1),
    lanczosConstant,
  );
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * ln Γ(x + ½) − ln Γ(x). For large x by its asymptotic series, ½ ln x − 1/8x + 1/192x³ − 1/640x⁵ + 17/14336x⁷ − …: the
 * difference of two large logarithms would have no digits left.
 */
export function logGammaHalfStep(x: number): number {
  if (x < 20) return logGamma(x + 0.5) - logGamma(x);
  const square = x * x;
  return 0.5 * Math.log(x) - (1 / 8 - (1 / 192 - (1 / 640 - 17 / 14336 / square) / square) / square) / x;
}

/** ln B(a, b), exact for a large a where b is ½ or 1. */
function logBeta(a: number, b: number): number {
  if (b === 0.5) return 0.5 * Math.log(Math.PI) - logGammaHalfStep(a); // Γ(½) = √π
  if (a === 0.5) return 0.5 * Math.log(Math.PI) - logGammaHalfStep(b);
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/**
 * The regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated as Lentz (1976) and Thompson
 * and Barnett (1986) do, on the side where it converges fast. `y` is 1 − x, where the caller knows it more exactly.
 */
export function incompleteBeta(x: number, a: number, b: number, y = 1 - x): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  const logFront = a * Math.log(x) + b * (x > 0.5 ? Math.log(y) : Math.log1p(-x)) - logBeta(a, b);
  return x < (a + 1) / (a + b + 2)
    ? (Math.exp(logFront) * continuedFraction(x, a, b)) / a
    : 1 - (Math.exp(logFront) * continuedFraction(y, b, a)) / b;
}

function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < 100_000; m++) {
    for (const term of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      result *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return result;
}

/**
 * P(|T| ≥ t) for Student's t with so many degrees of freedom: I_x(ν/2, ½) with x = ν / (ν + t²). The p-value of a two-sided test.
 *
 * @example
 * twoSidedTail(4.302652729911275, 2); // 0.05
 */
export function twoSidedTail(t: number, degrees: number): number {
  if (t === Infinity) return 0;
  const square = t * t;
  return incompleteBeta(degrees / (degrees + square), degrees / 2, 0.5, square / (degrees + square));
}

/**
 * The t with P(|T| ≥ t) = tail, by bisection to the last bit: 4.3027 for 5% and two degrees of freedom.
 *
 * @example
 * const halfWidth = twoSidedQuantile(0.05, numSeeds - 1) * deviation / Math.sqrt(numSeeds);
 */
export function twoSidedQuantile(tail: number, degrees: number): number {
  let low = 0;
  let high = 1;
  while (twoSidedTail(high, degrees) > tail) [low, high] = [high, 2 * high];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (twoSidedTail(middle, degrees) > tail) low = middle;
    else high = middle;
  }
}
