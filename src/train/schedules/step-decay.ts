import type { Schedule } from './schedule.js';

/** A rate that falls by steps. */
export interface StepDecay {
  /** The first rate. */
  readonly learningRate: number;
  /** Steps with one rate. */
  readonly every: number;
  /** From one rate to the next. Default 0.1. */
  readonly factor?: number;
}

/**
 * η · factorⁿ, n = ⌊(s − 1) / every⌋: `every` steps with one rate, then so many with the next. Equal to PyTorch's `StepLR`.
 *
 * @example
 * perEpoch(stepDecay({ learningRate: 0.1, every: 30 }), 500); // 30 epochs of 500 steps with 0.1, 30 with 0.01, …
 */
export function stepDecay({ learningRate, every, factor = 0.1 }: StepDecay): Schedule {
  return (step) => learningRate * factor ** Math.floor((step - 1) / every);
}

/** A schedule that counts epochs from 1 and not steps. */
export function perEpoch(schedule: Schedule, stepsInEpoch: number): Schedule {
  return (step) => schedule(Math.ceil(step / stepsInEpoch));
}
