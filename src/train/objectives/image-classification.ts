import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../error.js';
import type { ImageBatch } from '../../tokens/image-loader.js';
import type { Loss } from '../loss.js';
import { labelledTensors } from './labelled-rows.js';
import type { LabelledTensors, RowReader } from './labelled-rows.js';
import { checkLabelSmoothing } from './token-predictor.js';

// Legend: C = classes.

/** How classes count. */
export interface ImageClassificationOptions {
  /** The share of the target that is spread evenly over all classes. Default: 0. */
  readonly labelSmoothing?: number;
}

/**
 * −Σ_c q_c log softmax(x)_c of each image, in nats; x are the logits, q = (1 − ε) y + ε / C, and y says how much of each class the image is: all
 * of one, or shares of two (mixup). As PyTorch's cross_entropy with probabilities as targets and `label_smoothing`. Watched beside it:
 * `accuracy`, the share of images whose likeliest class is the largest of y.
 *
 * @throws TrainbookError if the label smoothing is out of range, or the images are of other classes than the model.
 * @example
 * await train(model, {
 *   objective: imageClassification({ labelSmoothing: 0.1 }),
 *   data: (options) => imageLoader(images, { normalisation, mixup: 0.2 }, options),
 *   …
 * });
 */
export function imageClassification({ labelSmoothing = 0 }: ImageClassificationOptions = {}): <Weights>(
  model: RowReader<Weights>,
) => Loss<Weights, ImageBatch> {
  checkLabelSmoothing('imageClassification', labelSmoothing);
  return (model) => ({
    shares: { loss: 1 },
    watched: ['accuracy'],
    unit: 'examples',
    size: ({ batchSize }) => batchSize,
    tensors: (batch) => labelledTensors('imageClassification', batch),
    counts: (batch) => {
      const counted = tf.sum<tf.Scalar>((batch as LabelledTensors).weights);
      return { loss: counted, accuracy: counted };
    },
    sums: (weights, batch, { dropoutKey, recompute } = {}) => {
      const { inputs, targets, weights: counted } = batch as LabelledTensors;
      const logits = model.forward(weights, inputs, { dropoutKey, recompute });
      const numClasses = logits.shape.at(-1) ?? 0;
      if (logits.shape.join() !== targets.shape.join()) {
        throw new TrainbookError({
          what: 'imageClassification: the images are of other classes than the model',
          received: `${targets.shape[1] ?? 1} classes`,
          expected: `${numClasses}, as many as the model has logits`,
        });
      }
      const goal = tf.add(tf.mul(targets, 1 - labelSmoothing), labelSmoothing / numClasses); // [batch, C]
      const losses = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), goal), 1)); // [batch]
      const right = tf.equal(tf.argMax(stopGradient(logits), 1), tf.argMax(targets, 1));
      return {
        loss: tf.sum<tf.Scalar>(tf.mul(losses, counted)),
        accuracy: tf.sum<tf.Scalar>(tf.mul(tf.cast(right, 'float32'), counted)),
      };
    },
  });
}
