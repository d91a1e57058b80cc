import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByAdam } from './scale-by-adam.js';
import type { AdamOptions } from './scale-by-adam.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';

/** Adam's numbers; here β₂ is 0.999 by default. */
export interface AdamNumbers extends OptimizerOptions, AdamOptions {}

/**
 * Adam as first published: clip (default: none), decay that is part of the gradient (default 0), Adam, learning rate. Such a decay
 * is divided by Adam's root as the gradient is, so weights with large gradients hardly decay: `adamw` mends that.
 * Kingma and Ba 2014, "Adam" (1412.6980); equal to `torch.optim.Adam`.
 *
 * @example
 * adam({ learningRate: 1e-3 });
 */
export function adam({
  learningRate,
  weightDecay = 0,
  clipNorm = Infinity,
  beta2 = 0.999,
  ...rest
}: AdamNumbers): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    addWeightDecay(weightDecay),
    scaleByAdam({ ...rest, beta2 }),
    scaleByLearningRate(learningRate),
  );
}
