import { z } from 'zod';
import type { Plan } from './plan.js';

/** What a loop remembers of the steps before: plain, to be saved with a checkpoint. */
export const watchSchema = z.strictObject({
  /** Steps that the running mean has seen. */
  count: z.int().nonnegative(),
  mean: z.number(),
  variance: z.number().nonnegative(),
  /** Steps whose update was left out. */
  skipped: z.int().nonnegative(),
  best: z.strictObject({ value: z.number(), step: z.int().positive() }).nullable(),
  /** Evaluations since the best one. */
  waited: z.int().nonnegative(),
});

export type Watch = z.output<typeof watchSchema>;

/** Before the first step. */
export const unwatched: Watch = { count: 0, mean: 0, variance: 0, skipped: 0, best: null, waited: 0 };

/** How much of the running mean is left after a step. */
const memory = 0.98;

/** A mean of fewer losses says little: the first steps fall steeply. */
const smallestCount = 20;

/**
 * mean + k · deviation, with exponential running moments of the loss: above it a loss stands out. Infinite until 20 steps are known.
 */
export function spikeLimit({ count, mean, variance }: Watch, deviations: number): number {
  return count < smallestCount ? Infinity : mean + deviations * Math.sqrt(variance);
}

/** After another loss: μ ← μ + (1 − β)(ℓ − μ), σ² ← β (σ² + (1 − β)(ℓ − μ)²); plain means as long as these are younger. */
export function afterLoss(watch: Watch, loss: number): Watch {
  const count = watch.count + 1;
  const share = Math.max(1 - memory, 1 / count);
  const difference = loss - watch.mean;
  return {
    ...watch,
    count,
    mean: watch.mean + share * difference,
    variance: (1 - share) * (watch.variance + share * difference ** 2),
  };
}

/** After an evaluation. A value that is no finite number is never the best. */
export function afterScore(watch: Watch, value: number, step: number, { better }: NonNullable<Plan['best']>): Watch {
  const isBetter = watch.best === null || (better === 'lower' ? value < watch.best.value : value > watch.best.value);
  const isBest = Number.isFinite(value) && isBetter;
  return isBest ? { ...watch, best: { value, step }, waited: 0 } : { ...watch, waited: watch.waited + 1 };
}
