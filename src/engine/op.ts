import * as tf from '@tensorflow/tfjs';
import { binding, tensorIds, wrapTensor } from './backend.js';
import type { Attributes } from './trace.js';

/**
 * A TensorFlow op by its own name, now or as part of a trace. Types are taken as they are: dtypes that tfjs does not know
 * (uint64, bfloat16) may pass from op to op.
 *
 * @example
 * const [rolled] = op('Roll', [x, shift, axis], { T: { type: 'float32' }, Tshift: { type: 'int32' }, Taxis: { type: 'int32' } });
 */
export function op(name: string, inputs: readonly tf.Tensor[], attributes: Attributes, numOutputs = 1): tf.Tensor[] {
  return binding.run(name, tensorIds(inputs), attributes, numOutputs).map(wrapTensor);
}

/** The first output of an op that has one. */
export function op1(name: string, inputs: readonly tf.Tensor[], attributes: Attributes): tf.Tensor {
  const [result] = op(name, inputs, attributes);
  if (result === undefined) throw new Error(`internal: ${name} gave no output`);
  return result;
}
