import { z } from 'zod';

/**
 * The schema of shares in a config: a positive number for each of the named sources, of which some may be left out. Shares are
 * relative: 3 and 2 are the same as 0.6 and 0.4.
 *
 * @example
 * z.strictObject({ shares: shares(['shakespeare', 'brown']) });
 */
export function shares<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z
    .partialRecord(z.enum(names), z.number().nonnegative())
    .refine((record) => Object.values(record).some((share) => typeof share === 'number' && share > 0), {
      error: 'at least one share must be above 0',
    });
}
