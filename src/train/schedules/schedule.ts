/** A number for each step, counted from 1. */
export type Schedule = (step: number) => number;

/** The same number at every step. */
export function constant(value: number): Schedule {
  return () => value;
}

/** The fields of train options that a warm-up with a decay reads. */
export interface WarmupDecay {
  /** The highest rate. */
  readonly learningRate: number;
  /** Steps of linear rise; the highest rate is reached at its last. Default 0. */
  readonly warmupSteps?: number;
  /** Steps in all; the lowest rate is reached at the last. */
  readonly steps: number;
  /** The lowest rate as a part of the highest. Default 0.1. */
  readonly finalFraction?: number;
}

/**
 * η · s / warmup while s ≤ warmup, then η (f + (1 − f) ½ (1 + cos π p)), p = (s − warmup) / (steps − warmup), f the final fraction.
 * Loshchilov and Hutter 2016, "SGDR" (1608.03983), with the linear warm-up of Goyal 2017 (1706.02677).
 *
 * @example
 * const rate = warmupCosine({ learningRate: 1e-3, warmupSteps: 30, steps: 300 });
 * rate(15); // 0.0005
 */
export function warmupCosine({ learningRate, warmupSteps = 0, steps, finalFraction = 0.1 }: WarmupDecay): Schedule {
  return (step) => {
    if (step < warmupSteps) return (learningRate * step) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
    const falling = 0.5 * (1 + Math.cos(Math.PI * progress));
    return learningRate * (finalFraction + (1 - finalFraction) * falling);
  };
}

/**
 * η · s / warmup while s ≤ warmup, then η (f + (1 − f) (1 − p)), p = (s − warmup) / (steps − warmup), f the final fraction.
 * With f = 0 the rates of BERT (Devlin 2018, 1810.04805).
 *
 * @example
 * warmupLinear({ learningRate: 1e-3, warmupSteps: 30, steps: 300, finalFraction: 0 });
 */
export function warmupLinear({ learningRate, warmupSteps = 0, steps, finalFraction = 0.1 }: WarmupDecay): Schedule {
  return (step) => {
    if (step < warmupSteps) return (learningRate * step) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
    return learningRate * (finalFraction + (1 - finalFraction) * (1 - progress));
  };
}
