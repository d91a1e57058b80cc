import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { scaleByLion } from './scale-by-lion.js';
import type { LionAverages } from './scale-by-lion.js';

/** Lion's numbers. */
export interface LionOptions extends OptimizerOptions, LionAverages {}

/**
 * Lion: clip (default: none), the sign of averaged gradients, decoupled weight decay (default 0), learning rate. The state is half of
 * Adam's. Its authors take a rate 3 to 10 times lower than AdamW's, and a decay higher by the same factor.
 * Chen 2023, "Symbolic Discovery of Optimization Algorithms" (2302.06675); equal to timm's `Lion`.
 *
 * @example
 * lion({ learningRate: 1e-4, weightDecay: 1 });
 */
export function lion({ learningRate, weightDecay = 0, clipNorm = Infinity, ...averages }: LionOptions): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    scaleByLion(averages),
    addWeightDecay(weightDecay),
    scaleByLearningRate(learningRate),
  );
}
