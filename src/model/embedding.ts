import * as tf from '@tensorflow/tfjs';
import { constrain } from '../engine/mesh/constrain.js';
import { sharded } from '../engine/mesh/sharding.js';

/**
 * Row `token` of a table for each token: [vocabulary, width], [batch, time] → [batch, time, width]. Its gradient adds up the
 * rows of equal tokens (a segment sum), so that no one-hot matrix is made. On a mesh the table is
 * gathered over `fsdp` first, and its gradient summed, or activations would be gathered.
 *
 * @example
 * embed(table, tokens);
 */
export function embed(table: tf.Tensor, tokens: tf.Tensor): tf.Tensor {
  return tf.gather(constrain(table, byRows), tokens);
}

const byRows = sharded('tensor');

/** How the last hidden states become logits over the vocabulary. */
export interface Output<Weights extends Readonly<Record<string, tf.Tensor>> = Readonly<Record<string, tf.Tensor>>> {
  /** The shapes of its own weights. */
  shapes(vocabularySize: number, width: number): { readonly [Name in keyof Weights]: readonly number[] };
  /** [batch, time, width] → [batch, time, vocabulary] */
  logits(weights: Weights, embedding: tf.Tensor, x: tf.Tensor): tf.Tensor;
}

/**
 * x Eᵀ, where E is the input embedding: the same table reads and writes tokens.
 * Press and Wolf 2017, "Using the Output Embedding to Improve Language Models" (1608.05859).
 */
export const tiedOutput: Output<Readonly<Record<string, never>>> = {
  shapes: () => ({}),
  logits: (_weights, embedding, x) => project(embedding, x),
};

/** x Wᵀ with a table of its own, laid out like an embedding: [vocabulary, width]. */
export const separateOutput: Output<{ readonly weight: tf.Tensor }> = {
  shapes: (vocabularySize, width) => ({ weight: [vocabularySize, width] }),
  logits: ({ weight }, _embedding, x) => project(weight, x),
};

/**
 * The logits of x times a number. T5 multiplies by 1 / √width where the table of its input is that of its output, since its entries have
 * about variance 1: Raffel 2019 (1910.10683).
 */
export function scaledOutput<Weights extends Readonly<Record<string, tf.Tensor>>>(
  output: Output<Weights>,
  scale: number,
): Output<Weights> {
  return { ...output, logits: (weights, embedding, x) => output.logits(weights, embedding, tf.mul(x, scale)) };
}

function project(table: tf.Tensor, x: tf.Tensor): tf.Tensor {
  const [vocabularySize, width] = table.shape as [number, number];
  const rows = tf.reshape(x, [-1, width]); // [batch × time, width]
  const logits = tf.matMul(rows, table, false, true); // [batch × time, vocabulary]
  return tf.reshape(logits, [...x.shape.slice(0, -1), vocabularySize]);
}
