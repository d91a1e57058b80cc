import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../tokens/loader.js';

/** The tensors of a batch of tokens. */
export type TokenTensors = {
  readonly inputs: tf.Tensor; // int32 [batch, time]
  readonly targets: tf.Tensor; // int32 [batch, time]
  readonly weights: tf.Tensor; // float32 [batch, time]
  readonly documents?: tf.Tensor; // int32 [batch, time]
  readonly positions?: tf.Tensor; // int32 [batch, time]
  readonly prefix?: tf.Tensor; // int32 [batch]
  readonly blockPositions?: tf.Tensor; // int32 [batch, time]
};

/** A batch as tensors of [batch, time]. */
export function tokenTensors(batch: Batch): TokenTensors {
  const { inputs, targets, weights, documents, positions, prefix, blockPositions, batchSize, context } = batch;
  const shape: [number, number] = [batchSize, context];
  return {
    inputs: tf.tensor2d(inputs, shape, 'int32'),
    targets: tf.tensor2d(targets, shape, 'int32'),
    weights: tf.tensor2d(weights, shape),
    ...(documents && { documents: tf.tensor2d(documents, shape, 'int32') }),
    ...(positions && { positions: tf.tensor2d(positions, shape, 'int32') }),
    ...(prefix && { prefix: tf.tensor1d(prefix, 'int32') }),
    ...(blockPositions && { blockPositions: tf.tensor2d(blockPositions, shape, 'int32') }),
  };
}
