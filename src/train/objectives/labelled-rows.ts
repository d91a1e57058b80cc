import * as tf from '@tensorflow/tfjs';
import type { RandomKey } from '../../engine/random.js';
import { TrainbookError } from '../../error.js';

/**
 * Rows with targets: features of a table (`tableLoader`), images, or texts (`textLoader`, `taggedTextLoader`).
 *
 * Two rows of three features, the second of which does not count:
 *   { inputs: [0.1, 2, 3, 0, 0, 0], targets: [4, 0], weights: [1, 0], batchSize: 2 }
 */
export interface LabelledRows<Targets extends Int32Array | Float32Array = Int32Array> {
  /** Features or tokens, row after row. [batchSize, ...shape] */
  readonly inputs: Float32Array | Int32Array;
  /** The axes of a row's inputs, such as [28, 28, 1]. Default: one, as long as the row. */
  readonly shape?: readonly number[];
  /** For each row, or for each of its places or outputs. [batchSize] or [batchSize, n] */
  readonly targets: Targets;
  /** How much each target counts; 0 where there is none. [batchSize] or [batchSize, places] */
  readonly weights: Float32Array;
  readonly batchSize: number;
  /** Of texts: 1 for tokens, 0 for padding. [batchSize, time] */
  readonly mask?: Int32Array;
  /** Of texts: the kind of each token. [batchSize, time] */
  readonly types?: Int32Array;
}

/** What makes numbers of rows: `mlpClassifier(…)`, or a trunk with a head (`withHead`). */
export interface RowReader<Weights> {
  /** [batch, ...] → [batch, outputs], or [batch, time, outputs]. */
  forward(weights: Weights, inputs: tf.Tensor, options?: RowReading): tf.Tensor;
}

/** How a batch of rows is read. */
export interface RowReading {
  readonly mask?: tf.Tensor | undefined; // int32 [batch, time]
  readonly types?: tf.Tensor | undefined; // int32 [batch, time]
  readonly dropoutKey?: RandomKey | undefined;
  readonly recompute?: boolean | undefined;
}

/** The tensors of a batch of rows. */
export type LabelledTensors = {
  readonly inputs: tf.Tensor; // [batch, ...shape]
  readonly targets: tf.Tensor; // [batch] or [batch, n]
  readonly weights: tf.Tensor; // float32 [batch] or [batch, places]
  readonly mask?: tf.Tensor;
  readonly types?: tf.Tensor;
};

/**
 * A batch of rows as tensors. A class where nothing counts may be any number, such as −100.
 *
 * @throws TrainbookError if a length does not fit the rows, or a class that counts is negative.
 */
export function labelledTensors(what: string, batch: LabelledRows<Int32Array | Float32Array>): LabelledTensors {
  const { inputs, targets, weights, batchSize, mask, types } = batch;
  const { shape = [inputs.length / batchSize] } = batch;
  const ofRow = (name: string, length: number): number[] => {
    const each = length / batchSize;
    if (!Number.isInteger(each) || each === 0) throw unfit(what, name, length, batchSize);
    return each === 1 ? [batchSize] : [batchSize, each];
  };
  const size = shape.reduce((product, length) => product * length, batchSize);
  if (size !== inputs.length) throw unfit(what, 'inputs', inputs.length, batchSize);
  const integers = inputs instanceof Int32Array;
  const text = (numbers: Int32Array): tf.Tensor =>
    tf.tensor2d(numbers, [batchSize, inputs.length / batchSize], 'int32');
  return {
    inputs: tf.tensor(inputs, [batchSize, ...shape], integers ? 'int32' : 'float32'),
    targets:
      targets instanceof Int32Array
        ? tf.tensor(countedClasses(what, targets, weights), ofRow('targets', targets.length), 'int32')
        : tf.tensor(targets, ofRow('targets', targets.length)),
    weights: tf.tensor(weights, ofRow('weights', weights.length)),
    ...(mask && { mask: text(mask) }),
    ...(types && { types: text(types) }),
  };
}

/** Classes, 0 where none counts. */
function countedClasses(what: string, targets: Int32Array, weights: Float32Array): Int32Array {
  return targets.map((target, index) => {
    if (target >= 0) return target;
    if (weights[index] === 0) return 0;
    throw new TrainbookError({
      what: `${what}: a target that counts is not a class`,
      received: `${target}, with weight ${weights[index] ?? 'none'}`,
      expected: 'the number of a class, from 0 on',
      fix: 'give targets that are not to be learned weight 0',
    });
  });
}

function unfit(what: string, name: string, length: number, batchSize: number): TrainbookError {
  return new TrainbookError({
    what: `${what}: the ${name} do not fit the rows of the batch`,
    received: `${length} numbers for ${batchSize} rows`,
    expected: 'the same number for each row',
  });
}

/** The tensors of texts of a batch: all int32 [batch, time]. */
export function textTensors(
  { inputs, mask, types, context }: TextArrays,
  batchSize: number,
): { readonly inputs: tf.Tensor; readonly mask: tf.Tensor; readonly types?: tf.Tensor } {
  const text = (numbers: Int32Array): tf.Tensor => tf.tensor2d(numbers, [batchSize, context], 'int32');
  return { inputs: text(inputs), mask: text(mask), ...(types && { types: text(types) }) };
}

interface TextArrays {
  readonly inputs: Int32Array;
  readonly mask: Int32Array;
  readonly types?: Int32Array;
  readonly context: number;
}
