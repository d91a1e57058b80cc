import * as tf from '@tensorflow/tfjs';
import { zipTrees } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import { constant } from '../schedules/schedule.js';
import type { Schedule } from '../schedules/schedule.js';

/**
 * −η update: the step downhill. η is the scalar `learningRate`.
 *
 * @example
 * scaleByLearningRate(warmupCosine({ learningRate: 1e-3, warmupSteps: 30, steps: 300 }));
 */
export function scaleByLearningRate(learningRate: number | Schedule): Optimizer<readonly never[]> {
  const schedule = typeof learningRate === 'number' ? constant(learningRate) : learningRate;
  return {
    scalars: (step) => ({ learningRate: schedule(step) }),
    init: () => [],
    update: (gradients, state, _parameters, { learningRate: rate }) => {
      if (rate === undefined) throw new Error('internal: scaleByLearningRate needs its scalar');
      const downhill = tf.neg(rate);
      return { updates: zipTrees((gradient) => tf.mul(gradient, downhill), gradients), state };
    },
  };
}
