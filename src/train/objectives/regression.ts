import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Loss } from '../loss.js';
import { labelledTensors } from './labelled-rows.js';
import type { LabelledRows, LabelledTensors, RowReader } from './labelled-rows.js';

/** What of a difference is made smaller. */
export interface RegressionOptions {
  /** δ: from this difference on the loss grows linearly, so that outliers count less. Default: squares throughout. */
  readonly huber?: number;
}

/**
 * mean over outputs of d² with d = x − y, where x are a row's outputs and y its numbers: the mean squared error. With `huber`, of
 * d² / 2 where |d| ≤ δ, else δ (|d| − δ / 2): Huber 1964, "Robust Estimation of a Location Parameter". As PyTorch's mse_loss and
 * huber_loss.
 *
 * @throws TrainbookError if δ is not above 0, or a row has not as many targets as the model outputs.
 * @example
 * await train(model, { objective: regression(), data: (options) => tableLoader(rows, prices, options), … });
 */
export function regression(
  options: RegressionOptions = {},
): <Weights>(model: RowReader<Weights>) => Loss<Weights, LabelledRows<Float32Array>> {
  const { huber } = options;
  if (huber !== undefined && !(huber > 0)) {
    throw new TrainbookError({
      what: 'regression: no such δ for Huber’s loss',
      received: huber,
      expected: 'a number above 0',
    });
  }
  return (model) => ({
    shares: { loss: 1 },
    unit: 'examples',
    size: ({ batchSize }) => batchSize,
    tensors: (batch) => labelledTensors('regression', batch),
    counts: ({ weights }) => ({ loss: tf.sum<tf.Scalar>(weights as tf.Tensor) }),
    sums: (weights, batch, { dropoutKey, recompute } = {}) => {
      const { inputs, targets, weights: ofRows, mask, types } = batch as LabelledTensors;
      const outputs = model.forward(weights, inputs, { mask, types, dropoutKey, recompute });
      if (outputs.size !== targets.size) throw unfit(outputs, targets);
      const numRows = ofRows.size;
      const differences = tf.reshape(tf.sub(outputs, tf.reshape(targets, outputs.shape)), [numRows, -1]);
      const losses = huber === undefined ? tf.square(differences) : huberLosses(differences, huber); // [rows, outputs]
      return { loss: tf.sum<tf.Scalar>(tf.mul(tf.mean(losses, 1), tf.reshape(ofRows, [-1]))) };
    },
  });
}

/** m² / 2 + δ (|d| − m) with m = min(|d|, δ). */
function huberLosses(differences: tf.Tensor, delta: number): tf.Tensor {
  const sizes = tf.abs(differences);
  const inner = tf.minimum(sizes, delta);
  return tf.add(tf.mul(tf.square(inner), 0.5), tf.mul(tf.sub(sizes, inner), delta));
}

function unfit(outputs: tf.Tensor, targets: tf.Tensor): TrainbookError {
  return new TrainbookError({
    what: 'regression: a row has not as many targets as the model has outputs',
    received: `targets [${targets.shape.join(', ')}], outputs [${outputs.shape.join(', ')}]`,
    expected: 'one number for each output',
  });
}
