import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { cutRows, numberOfPieces, pieceAt } from './accumulate.js';
import { numRowsOf } from './loss.js';
import type { Computing, Loss, PartSums, RowTensors } from './loss.js';

/** How sums over a batch are computed. */
export interface WholeBatchOptions {
  /** Rows that are computed at a time. Default: all. */
  readonly microBatch?: number | undefined;
  readonly computing?: Omit<Computing, 'dropoutKey' | 'whole'>;
}

/**
 * What a loss needs of all rows of a batch before a row's loss is known, in the order of its names: [names]. A piece at a time, as the
 * gradients will be.
 */
export function wholeSums<Weights, B>(
  { whole }: Pick<Loss<Weights, B>, 'whole'>,
  weights: Weights,
  batch: RowTensors,
  { microBatch, computing = {} }: WholeBatchOptions = {},
): tf.Tensor1D {
  if (whole === undefined) return tf.tensor1d([]);
  const of = (rows: RowTensors): tf.Tensor1D => {
    const sums = whole.sums(weights, rows, computing);
    return tf.stack(whole.names.map((name) => sums[name] as tf.Scalar)) as tf.Tensor1D;
  };
  const numPieces = numberOfPieces(numRowsOf(batch), microBatch);
  if (numPieces === 1) return of(batch);
  const cut = cutRows(batch, numPieces);
  const [, sums] = loop(
    ([index]) => tf.less(index as tf.Tensor, tf.scalar(numPieces, 'int32')),
    ([index, before]) => [
      tf.add(index as tf.Tensor, tf.scalar(1, 'int32')),
      tf.add(before as tf.Tensor, of(pieceAt(cut, index as tf.Scalar))),
    ],
    [tf.scalar(0, 'int32'), tf.zeros([whole.names.length])],
    { name: 'whole batch', length: numPieces },
  );
  return sums as tf.Tensor1D;
}

/** The same by name; undefined for a loss whose rows stand alone. */
export function wholeByName({ whole }: Pick<Loss<never, never>, 'whole'>, sums: tf.Tensor): PartSums | undefined {
  if (whole === undefined) return undefined;
  const each = tf.unstack(sums);
  return Object.fromEntries(whole.names.map((name, index) => [name, each[index] as tf.Scalar]));
}
