import * as tf from '@tensorflow/tfjs';

/** The scale, and how many steps in a row have been finite. */
export type LossScaleState = { readonly scale: tf.Tensor; readonly goodSteps: tf.Tensor };

/** How a loss scale moves. */
export interface LossScaleOptions {
  /** Where it begins. Default 65,536, PyTorch's. */
  readonly initial?: number;
  /** Finite steps after which it doubles. Default 2,000. */
  readonly growthInterval?: number;
}

/**
 * Dynamic loss scaling for float16, whose smallest numbers are 6e-8: the loss is multiplied by S before the gradients are taken, and
 * they are divided by S after. A step with a gradient that is not finite changes nothing and halves S; after `growthInterval` finite
 * ones in a row S doubles. S stays above 1. Micikevicius 2017, "Mixed Precision Training" (1710.03740); the numbers are PyTorch's GradScaler's.
 */
export interface LossScale {
  init(): LossScaleState;
  next(state: LossScaleState, finite: tf.Tensor): LossScaleState;
}

/**
 * @example
 * startTraining(loss, { weights, optimizer, precision: 'float16', lossScale: dynamicLossScale({ growthInterval: 200 }) });
 */
export function dynamicLossScale({ initial = 65_536, growthInterval = 2000 }: LossScaleOptions = {}): LossScale {
  return {
    init: () => ({ scale: tf.scalar(initial), goodSteps: tf.scalar(0) }),
    next: ({ scale, goodSteps }, finite) => {
      const counted = tf.add(goodSteps, 1);
      const grows = tf.greaterEqual(counted, growthInterval);
      return {
        scale: tf.where(finite, tf.where(grows, tf.mul(scale, 2), scale), tf.maximum(tf.mul(scale, 0.5), 1)),
        goodSteps: tf.where(tf.logicalAnd(finite, tf.logicalNot(grows)), counted, tf.zerosLike(counted)),
      };
    },
  };
}
