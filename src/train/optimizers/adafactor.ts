import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { clipByRms } from './clip-by-rms.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { scaleByFactoredRms } from './scale-by-factored-rms.js';
import type { FactoredRmsOptions } from './scale-by-factored-rms.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { scaleByParameterRms } from './scale-by-parameter-rms.js';

/** Adafactor's numbers; the learning rate is relative to the size of what it changes. */
export interface AdafactorOptions extends Partial<OptimizerOptions>, FactoredRmsOptions {
  /** Updates of a leaf are cut at this root mean square. Default 1. */
  readonly clipRms?: number;
  /** A leaf counts as at least this large. Default 1e-3. */
  readonly smallestRms?: number;
}

/** Adafactor's own schedule: min(0.01, 1/√t), relative to the size of the parameters. */
export const relativeStep = (step: number): number => Math.min(1e-2, 1 / Math.sqrt(step));

/**
 * Adafactor, for large models in little memory: clip (default: none), update by the factored root mean square, clip of each update,
 * weight decay (default 0), scale of each parameter, learning rate (default: `relativeStep`). For matrices it keeps a number for each
 * row and column; there is no first moment.
 *
 * Shazeer and Stern 2018 (1804.04235); equal to the `Adafactor` of Hugging Face transformers, which follows the paper (T5 is trained
 * with it), where `torch.optim.Adafactor` puts ε elsewhere. Its `scale_parameter=False` is a chain without `scaleByParameterRms`.
 *
 * @example
 * adafactor({ learningRate: 1e-3 });
 */
export function adafactor({
  learningRate = relativeStep,
  weightDecay = 0,
  clipNorm = Infinity,
  clipRms = 1,
  smallestRms = 1e-3,
  ...squares
}: AdafactorOptions = {}): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    scaleByFactoredRms(squares),
    clipByRms(clipRms),
    addWeightDecay(weightDecay),
    scaleByParameterRms(smallestRms),
    scaleByLearningRate(learningRate),
  );
}
