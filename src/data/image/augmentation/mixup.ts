import { fold, uniformNumbers } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';

/**
 * λ from Beta(α, α): how much of the first of two mixed images stays, x̃ = λ x + (1 − λ) x′ and ỹ = λ y + (1 − λ) y′.
 * Zhang 2017, "mixup: Beyond Empirical Risk Minimization" (1710.09412).
 *
 * Up to α = 1 by Jöhnk's rejection (1964): u^(1/α) / (u^(1/α) + v^(1/α)) where the sum is at most 1. Above it by Ulrich (1984):
 * ½ + ½ √(1 − u^(2 / (2α − 1))) cos 2πv.
 *
 * @throws TrainbookError if α is not positive.
 * @example
 * const share = mixupShare(0.2, key(7)); // near 0 or 1 in most cases
 */
export function mixupShare(alpha: number, key: Key): number {
  if (!(alpha > 0 && alpha < Infinity)) {
    throw new TrainbookError({
      what: 'shares of two mixed images: alpha of Beta(alpha, alpha)',
      received: alpha,
      expected: 'a number > 0, such as 0.2',
    });
  }
  for (let attempt = 0; ; attempt++) {
    const [u = 0, v = 0] = uniformNumbers(fold(key, attempt), 2);
    if (alpha > 1) return 0.5 + 0.5 * Math.sqrt(1 - u ** (2 / (2 * alpha - 1))) * Math.cos(2 * Math.PI * v);
    // As logarithms: for a small α the powers themselves are below the smallest numbers.
    const [a, b] = [Math.log(u) / alpha, Math.log(v) / alpha];
    if (Math.exp(a) + Math.exp(b) > 1 || Math.max(a, b) === -Infinity) continue;
    return 1 / (1 + Math.exp(b - a));
  }
}
