import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByAdam } from './scale-by-adam.js';
import type { AdamOptions } from './scale-by-adam.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';

/** AdamW's numbers. */
export interface AdamwOptions extends OptimizerOptions, AdamOptions {}

/**
 * clip at norm 1, Adam with β₂ = 0.95, decoupled weight decay of 0.1, learning rate: the defaults suit language models. Loshchilov and Hutter 2017 (1711.05101).
 *
 * @example
 * adamw({ learningRate: warmupCosine(config.train), weightDecay: 0.1 });
 */
export function adamw({ learningRate, weightDecay = 0.1, clipNorm = 1, ...adam }: AdamwOptions): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    scaleByAdam(adam),
    addWeightDecay(weightDecay),
    scaleByLearningRate(learningRate),
  );
}
