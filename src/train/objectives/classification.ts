import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Loss } from '../loss.js';
import { labelledTensors } from './labelled-rows.js';
import type { LabelledRows, LabelledTensors, RowReader } from './labelled-rows.js';
import { checkLabelSmoothing } from './token-predictor.js';

// Legend: rows = all targets of a batch; C = classes.

/** How classes count. */
export interface ClassificationOptions {
  /** How much a target of each class counts, for classes that are rare or matter more. Default: all 1. [C] */
  readonly classWeights?: readonly number[];
  /** The share of the target that is spread evenly over all classes. Default: 0. */
  readonly labelSmoothing?: number;
}

/**
 * −Σ_c q_c w_c log softmax(x)_c of each target y, divided by Σ w_y; x are the logits, w the classes' weights, q = (1 − ε) onehot(y) + ε / C.
 * As PyTorch's cross_entropy with `weight` and `label_smoothing`.
 *
 * Of anything that gives logits: `mlpClassifier` of features, a head on a trunk of texts (`sequenceClassification`), or of tokens
 * (`tokenClassification`): there is a target for each place that has logits, and those of weight 0 (padding, special tokens) do not count.
 *
 * @throws TrainbookError if an option is out of range, or there is not one weight for each class.
 * @example
 * await train(model, {
 *   objective: classification({ classWeights: [1, 5] }),
 *   data: (options) => tableLoader(rows, labels, options),
 *   …
 * });
 */
export function classification(
  options: ClassificationOptions = {},
): <Weights>(model: RowReader<Weights>) => Loss<Weights, LabelledRows> {
  const { classWeights, labelSmoothing = 0 } = options;
  checkLabelSmoothing('classification', labelSmoothing);
  if (classWeights?.some((weight) => !(weight >= 0 && weight < Infinity)) === true) {
    throw new TrainbookError({
      what: 'classification: no such class weights',
      received: `[${classWeights.join(', ')}]`,
      expected: 'numbers from 0 on, one for each class',
    });
  }
  /** How much each target counts, with its class: [rows]. */
  const counted = ({ targets, weights }: LabelledTensors): tf.Tensor => {
    const flat = tf.reshape(weights, [-1]);
    if (classWeights === undefined) return flat;
    return tf.mul(flat, tf.gather(tf.tensor1d([...classWeights]), tf.reshape(targets, [-1])));
  };
  return (model) => ({
    shares: { loss: 1 },
    unit: 'examples',
    size: ({ batchSize }) => batchSize,
    tensors: (batch) => labelledTensors('classification', batch),
    counts: (batch) => ({ loss: tf.sum<tf.Scalar>(counted(batch as LabelledTensors)) }),
    sums: (weights, batch, { dropoutKey, recompute } = {}) => {
      const { inputs, targets, weights: ofTargets, mask, types } = batch as LabelledTensors;
      const logits = model.forward(weights, inputs, { mask, types, dropoutKey, recompute });
      const numClasses = logits.shape.at(-1) ?? 0;
      checkLogits(logits, targets, classWeights);
      const logProbabilities = tf.logSoftmax(tf.reshape(logits, [-1, numClasses])); // [rows, C]
      const spread = labelSmoothing / numClasses;
      const flat = tf.reshape<tf.Rank.R1>(targets, [-1]);
      const goal = tf.oneHot(flat, numClasses, 1 - labelSmoothing + spread, spread, 'float32'); // [rows, C]
      const weighed = classWeights === undefined ? goal : tf.mul(goal, tf.tensor1d([...classWeights]));
      const losses = tf.neg(tf.sum(tf.mul(logProbabilities, weighed), 1)); // [rows]
      // A target beyond the classes would count for nothing, unseen.
      const known = tf.where(tf.less(flat, tf.scalar(numClasses, 'int32')), losses, tf.fill(losses.shape, NaN));
      return { loss: tf.sum<tf.Scalar>(tf.mul(known, tf.reshape(ofTargets, [-1]))) };
    },
  });
}

/** @throws TrainbookError if there is not one target for each place with logits, or one weight for each class. */
function checkLogits(logits: tf.Tensor, targets: tf.Tensor, classWeights: readonly number[] | undefined): void {
  const numClasses = logits.shape.at(-1) ?? 0;
  if (classWeights !== undefined && classWeights.length !== numClasses) {
    throw new TrainbookError({
      what: 'classification: there is not one weight for each class',
      received: `${classWeights.length} weights`,
      expected: `${numClasses}, as many as the model has logits`,
    });
  }
  if (logits.size === targets.size * numClasses) return;
  throw new TrainbookError({
    what: 'classification: there is not one target for each place with logits',
    received: `targets [${targets.shape.join(', ')}], logits [${logits.shape.join(', ')}]`,
    expected: 'targets of the shape of the logits without its last axis',
    fix: 'classes of tokens need a target for each token, classes of rows one for each row',
  });
}
