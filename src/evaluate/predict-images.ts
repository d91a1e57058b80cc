import * as tf from '@tensorflow/tfjs';
import type { LabelledImages } from '../data/image/images.js';
import type { Normalisation } from '../data/image/normalisation.js';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { imageBatches } from '../tokens/image-loader.js';
import type { Predictions } from './predict.js';

/** What gives logits of images: `imageClassifier(…)`. */
export interface ImagePredictor<Weights> {
  forward(weights: Weights, images: tf.Tensor): tf.Tensor; // [batch, height, width, channels] → [batch, classes]
}

export interface PredictImagesOptions {
  readonly normalisation: Normalisation;
  readonly batchSize?: number;
  /** Whether each image is also seen in a mirror, and the mean of both probabilities taken. Default: false. */
  readonly mirrored?: boolean;
}

/**
 * The classes of images, and how likely each is: argmax and softmax of the logits.
 *
 * @throws TrainbookError if the normalisation is of images with other channels.
 * @example
 * const { classes } = await predictImages(model, test, { normalisation });
 * accuracy(test.labels, classes); // 0.87
 */
export async function predictImages<Weights>(
  { architecture, weights }: { readonly architecture: ImagePredictor<Weights>; readonly weights: Weights },
  images: LabelledImages,
  { normalisation, batchSize = 100, mirrored = false }: PredictImagesOptions,
): Promise<Predictions> {
  const read = compile(
    (given: Weights, batch: tf.Tensor) => {
      const likely = (seen: tf.Tensor): tf.Tensor => tf.softmax(architecture.forward(given, seen));
      return mirrored ? tf.mul(tf.add(likely(batch), likely(tf.reverse(batch, 2))), 0.5) : likely(batch);
    },
    { name: 'predictImages', target: 'graph' }, // compiles at once
  );
  return inferring(async () => {
    const numClasses = images.classes.length;
    const probabilities = new Float32Array(images.count * numClasses);
    let first = 0;
    for (const { inputs, shape } of imageBatches(images, normalisation, batchSize)) {
      const batch = tf.tensor4d(inputs, [batchSize, ...shape]);
      const result = await read(weights, batch);
      const part = (await result.data()) as Float32Array;
      probabilities.set(part.subarray(0, (images.count - first) * numClasses), first * numClasses);
      tf.dispose([batch, result]);
      first += batchSize;
    }
    const classes = Int32Array.from({ length: images.count }, (_, row) => {
      const own = probabilities.subarray(row * numClasses, (row + 1) * numClasses);
      return own.reduce((best, probability, index) => (probability > (own[best] ?? 0) ? index : best), 0);
    });
    return { classes, probabilities, numClasses };
  });
}
