import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByAdam } from './scale-by-adam.js';
import type { AdamOptions } from './scale-by-adam.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { scaleByTrustRatio } from './scale-by-trust-ratio.js';

/** LAMB's numbers; here β₂ is 0.999 and ε 1e-6 by default. */
export interface LambOptions extends OptimizerOptions, AdamOptions {}

/**
 * LAMB, for large batches: clip (default: at norm 1), Adam, weight decay (default 0.01), trust ratio of each matrix, learning rate.
 * You 2019, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (1904.00962), with the clip and bias
 * correction of NVIDIA's implementation; equal to timm's `Lamb`.
 *
 * @example
 * lamb({ learningRate: warmupLinear({ learningRate: 2e-3, warmupSteps: 100, steps: 1000 }) });
 */
export function lamb({
  learningRate,
  weightDecay = 0.01,
  clipNorm = 1,
  beta2 = 0.999,
  epsilon = 1e-6,
  ...rest
}: LambOptions): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    scaleByAdam({ ...rest, beta2, epsilon }),
    addWeightDecay(weightDecay),
    scaleByTrustRatio(),
    scaleByLearningRate(learningRate),
  );
}
