import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { scaleByMomentum } from './scale-by-momentum.js';
import type { MomentumOptions } from './scale-by-momentum.js';

/** Stochastic gradient descent's numbers. */
export interface SgdOptions extends OptimizerOptions, MomentumOptions {}

/**
 * Stochastic gradient descent: clip, decay that is part of the gradient, momentum, learning rate. By default there is none of the
 * first three, and no momentum means no state. Robbins and Monro 1951; equal to `torch.optim.SGD`.
 *
 * @throws TrainbookError if Nesterov's look ahead is asked for with dampening or without momentum.
 * @example
 * sgd({ learningRate: stepDecay({ learningRate: 0.1, every: 300 }), momentum: 0.9, nesterov: true });
 */
export function sgd({
  learningRate,
  weightDecay = 0,
  clipNorm = Infinity,
  momentum = 0,
  dampening = 0,
  nesterov = false,
}: SgdOptions): Optimizer {
  const remembers = momentum !== 0 || nesterov;
  return chain(
    clipByGlobalNorm(clipNorm),
    addWeightDecay(weightDecay),
    ...(remembers ? [scaleByMomentum({ momentum, dampening, nesterov })] : []),
    scaleByLearningRate(learningRate),
  );
}
