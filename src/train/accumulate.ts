import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { rowOf } from '../engine/scan.js';
import { flatten, mapTree, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { numRowsOf } from './loss.js';
import type { RowTensors } from './loss.js';

/** What a piece of a batch adds: its part of the loss's parts, and its gradients. */
export interface Found {
  readonly parts: tf.Tensor1D; // [parts]
  readonly grads: Tree<tf.Tensor>;
}

/**
 * Gradient accumulation: `find` on pieces of a batch, one after another, and the sum of what they give. The activations of one piece
 * are alive at a time; the gradients are held once, whatever the number of pieces. Sums of a loss are divided by the counts of the
 * whole batch (`loss.ts`), so the result is the whole batch's but for the order of additions.
 *
 * `find` is traced once: the pieces run in a loop of the engine.
 *
 * @example
 * accumulate(batch, 2, parameters, (piece, index) => find(piece, index)); // 8 rows: 4 pieces of 2
 */
export function accumulate(
  batch: RowTensors,
  rowsPerPiece: number | undefined,
  like: Tree<tf.Tensor>,
  find: (piece: RowTensors, index: tf.Scalar | undefined) => Found,
  numParts: number,
): Found {
  const numRows = numRowsOf(batch);
  const numPieces = numberOfPieces(numRows, rowsPerPiece);
  if (numPieces === 1) return find(batch, undefined);
  const cut = cutRows(batch, numPieces);
  const zeros = flatten<tf.Tensor>(like).map((leaf) => tf.zeros(leaf.shape));
  const [, parts, ...grads] = loop(
    ([index]) => tf.less(index as tf.Tensor, tf.scalar(numPieces, 'int32')),
    ([index, before, ...sums]) => {
      const at = index as tf.Scalar;
      const found = find(pieceAt(cut, at), at);
      const leaves = flatten<tf.Tensor>(found.grads);
      return [
        tf.add(at, tf.scalar(1, 'int32')),
        tf.add(before as tf.Tensor, found.parts),
        ...sums.map((sum, place) => tf.add(sum, leaves[place] as tf.Tensor)),
      ];
    },
    [tf.scalar(0, 'int32'), tf.zeros([numParts]), ...zeros],
    { name: 'accumulate', length: numPieces },
  );
  return { parts: parts as tf.Tensor1D, grads: unflatten(like, grads) };
}

/**
 * A batch in pieces: [rows, …] → [pieces, rows / pieces, …].
 *
 * @throws TrainbookError if the rows do not part evenly.
 */
export function cutRows(batch: RowTensors, numPieces: number): RowTensors {
  return mapTree<tf.Tensor, tf.Tensor>(batch, (tensor, name) => {
    const [rows = 0, ...ofRow] = tensor.shape;
    if (rows % numPieces !== 0) throw uneven(`${rows} rows of ${name} in ${numPieces} pieces`);
    return tf.reshape(tensor, [numPieces, rows / numPieces, ...ofRow]);
  }) as RowTensors;
}

/** One of the pieces. */
export function pieceAt(cut: RowTensors, index: tf.Scalar): RowTensors {
  return mapTree<tf.Tensor, tf.Tensor>(cut, (tensor) => rowOf(tensor, index)) as RowTensors;
}

/** @throws TrainbookError if the rows do not part evenly. */
export function numberOfPieces(numRows: number, rowsPerPiece: number | undefined): number {
  if (rowsPerPiece === undefined || rowsPerPiece === numRows) return 1;
  if (Number.isInteger(rowsPerPiece) && rowsPerPiece > 0 && numRows % rowsPerPiece === 0) return numRows / rowsPerPiece;
  throw uneven(`${numRows} rows in pieces of ${rowsPerPiece}`);
}

function uneven(received: string): TrainbookError {
  return new TrainbookError({
    what: 'train: a batch does not part evenly into micro-batches',
    received,
    expected: 'a microBatch that divides the rows of each process',
    fix: 'set microBatch to a divisor of batchSize',
  });
}
