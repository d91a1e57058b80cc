import * as tf from '@tensorflow/tfjs';
import type { Features } from '../data/table/features.js';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';

/** What gives logits of rows of features: an `mlpClassifier`, for instance. */
export interface RowClassifier<Weights> {
  forward(weights: Weights, rows: tf.Tensor): tf.Tensor; // [rows, columns] → [rows, classes]
}

/** What a classifier says of rows. */
export interface Predictions {
  /** The likeliest class of each row. [rows] */
  readonly classes: Int32Array;
  /** softmax of the logits: [rows, numClasses]. */
  readonly probabilities: Float32Array;
  readonly numClasses: number;
}

/**
 * The classes of rows of numbers, and how likely each is: argmax and softmax of the logits, `batchSize` rows at a time.
 *
 * @example
 * const { classes } = await predict(model, features(transform(prepared, test)));
 */
export async function predict<Weights>(
  { architecture, weights }: { readonly architecture: RowClassifier<Weights>; readonly weights: Weights },
  { numRows, columns, values }: Features,
  { batchSize = 256 }: { readonly batchSize?: number } = {},
): Promise<Predictions> {
  const width = columns.length;
  const read = compile((given: Weights, batch: tf.Tensor) => tf.softmax(architecture.forward(given, batch)), {
    name: 'predict',
    target: 'graph', // compiles at once
  });
  return inferring(async () => {
    const parts: Float32Array[] = [];
    for (let first = 0; first < numRows; first += batchSize) {
      // The last batch is filled with zeros, so that all have one shape.
      const padded = new Float32Array(batchSize * width);
      padded.set(values.subarray(first * width, (first + batchSize) * width));
      const batch = tf.tensor2d(padded, [batchSize, width]);
      const result = await read(weights, batch);
      parts.push((await result.data()) as Float32Array);
      tf.dispose([batch, result]);
    }
    const numClasses = (parts[0]?.length ?? 0) / batchSize;
    const probabilities = new Float32Array(numRows * numClasses);
    parts.forEach((part, index) => {
      const start = index * batchSize * numClasses;
      probabilities.set(part.subarray(0, probabilities.length - start), start);
    });
    const classes = Int32Array.from({ length: numRows }, (_, row) => {
      const own = probabilities.subarray(row * numClasses, (row + 1) * numClasses);
      return own.reduce((best, probability, index) => (probability > (own[best] ?? 0) ? index : best), 0);
    });
    return { classes, probabilities, numClasses };
  });
}
