import * as tf from '@tensorflow/tfjs';
import { rootMeanSquare } from './clip-by-rms.js';
import { stateless, zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/**
 * update · max(smallest, RMS(parameter)) for each leaf by itself: steps are relative to the size of what they change. `smallest` lets
 * parameters that begin as 0 move. Shazeer and Stern 2018, "Adafactor" (1804.04235), section 8.
 *
 * @example
 * scaleByParameterRms(1e-3);
 */
export function scaleByParameterRms(smallest = 1e-3): Optimizer<readonly never[]> {
  return stateless((updates, parameters) =>
    zipTrees(
      (update: tf.Tensor, parameter: tf.Tensor) => tf.mul(update, tf.maximum(rootMeanSquare(parameter), smallest)),
      updates,
      parameters,
    ),
  );
}
