import type { Schedule } from '../schedules/schedule.js';

/** What all optimizers with a name of their own take; each says its defaults. */
export interface OptimizerOptions {
  readonly learningRate: number | Schedule;
  /** Decay of matrices and tables towards 0; gains and biases (one axis) do not decay. */
  readonly weightDecay?: number;
  /** Gradients are cut at this norm of all of them together. `Infinity`: they are not. */
  readonly clipNorm?: number;
}
