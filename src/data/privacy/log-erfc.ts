/**
 * ln erfc(x), erfc(x) = 2/√π ∫ₓ^∞ e^(−t²) dt, also where erfc itself is below the smallest double (x > 27). Relative error of erfc below
 * 1e-12.
 *
 *   0 ≤ x < 2   1 − 2/√π · e^(−x²) Σₙ 2ⁿ x^(2n+1) / (1·3·…·(2n+1))
 *   2 ≤ x       e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …))))          (Laplace's continued fraction)
 *   x < 0       2 − erfc(−x)
 *
 * @example
 * logErfc(0); // 0
 */
export function logErfc(x: number): number {
  if (x < 0) return Math.log(2 - Math.exp(logErfc(-x)));
  return x < 2 ? Math.log(1 - erfSeries(x)) : -x * x - Math.log(Math.sqrt(Math.PI) * continued(x));
}

function erfSeries(x: number): number {
  let term = x;
  let sum = term;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** From x = 2 on so many levels give all digits of a double. */
const levels = 100;

function continued(x: number): number {
  let value = x;
  for (let level = levels; level > 0; level--) value = x + level / 2 / value;
  return value;
}
