import type { Schedule, WarmupDecay } from './schedule.js';

const shapes = {
  linear: (progress: number) => 1 - progress,
  '1-sqrt': (progress: number) => 1 - Math.sqrt(progress),
  cosine: (progress: number) => 0.5 * (1 + Math.cos(Math.PI * progress)),
} as const;

/** A warm-up, a plateau and a decay; without `decaySteps` the plateau lasts. */
export interface WarmupStableDecay extends WarmupDecay {
  /** Steps of the decay, which ends at the last step. Usual: a tenth to a fifth of all. */
  readonly decaySteps: number;
  /** How it falls: evenly, at first steeply, or at last slowly. Default `1-sqrt`. */
  readonly shape?: keyof typeof shapes;
}

/**
 * η · s / warmup while s ≤ warmup, then η, and in the last `decaySteps` η (f + (1 − f) · shape(p)), p the part of the decay that is
 * done, f the final fraction. On the plateau a run can be prolonged, and each decay from it gives a finished model: one run measures many
 * lengths. Hu 2024, "MiniCPM" (2404.06395); 1 − √p by Hägele 2024 (2405.18392).
 *
 * @example
 * warmupStableDecay({ learningRate: 1e-3, warmupSteps: 30, steps: 300, decaySteps: 60 });
 */
export function warmupStableDecay({
  learningRate,
  warmupSteps = 0,
  steps,
  decaySteps,
  finalFraction = 0.1,
  shape = '1-sqrt',
}: WarmupStableDecay): Schedule {
  return (step) => {
    if (step < warmupSteps) return (learningRate * step) / warmupSteps;
    const done = step - (steps - decaySteps);
    if (done <= 0) return learningRate;
    const progress = Math.min(1, done / decaySteps);
    return learningRate * (finalFraction + (1 - finalFraction) * shapes[shape](progress));
  };
}
