import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import { scaleByAdam } from './scale-by-adam.js';
import type { AdamOptions } from './scale-by-adam.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { constant } from './schedule.js';
import type { Schedule } from './schedule.js';

/** AdamW's numbers. */
export interface AdamwOptions extends AdamOptions {
  readonly learningRate: number | Schedule;
  /** Decay of matrices towards 0, relative to the learning rate. Default 0.1. */
  readonly weightDecay?: number;
  /** Gradients are cut at this norm. Default 1. */
  readonly clipNorm?: number;
}

/**
 * clip, Adam, decoupled weight decay, learning rate. Loshchilov and Hutter 2017 (1711.05101).
 *
 * @example
 * adamw({ learningRate: warmupCosine(config.train), weightDecay: 0.1 });
 */
export function adamw({ learningRate, weightDecay = 0.1, clipNorm = 1, ...adam }: AdamwOptions): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    scaleByAdam(adam),
    addWeightDecay(weightDecay),
    scaleByLearningRate(typeof learningRate === 'number' ? constant(learningRate) : learningRate),
  );
}
