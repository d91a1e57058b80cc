import * as tf from '@tensorflow/tfjs';
import { binding, isNative } from '../../engine/backend.js';
import { trace } from '../../engine/tracing.js';
import { flatten, unflatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import type { WeightSpec } from '../../model/weights.js';
import type { Optimizer } from '../optimizers/optimizer.js';

/** In what form an optimizer's state is kept between two steps. */
export type StateFormat = 'float32' | 'bfloat16' | 'int8';

/**
 * Bytes of a number of the state. With 8 bits each 256 numbers share a scale in float32, as in Dettmers 2021, "8-bit Optimizers via
 * Block-wise Quantization" (2110.02861).
 */
export const bytesOfState: Readonly<Record<StateFormat, number>> = { float32: 4, bfloat16: 2, int8: 1 + 4 / 256 };

/**
 * How many numbers an optimizer keeps for a tree of weights: what its `init` gives, by the shapes alone. Adam keeps two a weight, SGD with
 * momentum one.
 *
 * @example
 * optimizerStateSize(adamw({ learningRate: 1e-3 }), architecture.specs); // 2 × architecture.numParameters
 */
export function optimizerStateSize(optimizer: Optimizer, specs: Tree<WeightSpec>): number {
  const leaves = flatten(specs);
  const sizeOfInit = (weights: readonly tf.Tensor[]): number =>
    flatten<tf.Tensor>(optimizer.init(unflatten(specs, weights))).reduce((sum, { size }) => sum + size, 0);
  if (!isNative()) return tf.tidy(() => sizeOfInit(leaves.map(({ shape }) => tf.zeros([...shape]))));
  const { extra, recorder } = trace(
    'state of the optimizer',
    leaves.map(({ shape }) => ({ dtype: 'float32', shape })),
    (weights) => ({ outputs: [], extra: sizeOfInit(weights) }),
  );
  binding.dropSymbols(recorder);
  return extra;
}
