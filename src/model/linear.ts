import * as tf from '@tensorflow/tfjs';
import { devicesAlong } from '../engine/mesh/constrain.js';

// Legend: `...` stands for any leading axes.

/**
 * A matrix that is known by what it does to x, and is not kept as numbers of its own: a low-rank update of another, for
 * instance. A class, so that trees take it for a leaf.
 */
export abstract class LinearOperator {
  /** [inputs, outputs] */
  abstract readonly shape: readonly number[];
  /** [rows, inputs] → [rows, outputs] */
  abstract times(rows: tf.Tensor2D): tf.Tensor;
}

/** A matrix of [inputs, outputs], with a bias of [outputs] or without. */
export type Linear<Leaf = tf.Tensor> = { readonly weight: Leaf; readonly bias?: Leaf };

/**
 * x W + b: the last axis of x times a matrix.
 *
 * Matrices lie as [inputs, outputs], so that neither the product nor its gradients ask for a transposed operand of the large
 * side; Hugging Face keeps [outputs, inputs], and `names.ts` turns them when weights are saved or read. The leading axes are
 * joined into one for the product: one large matrix product is faster than a batch of small ones.
 *
 * @example
 * linear({ weight, bias }, x); // [width, hidden], [hidden], [batch, time, width] → [batch, time, hidden]
 */
export function linear({ weight, bias }: Linear, x: tf.Tensor): tf.Tensor {
  const [inputs, outputs] = weight.shape as [number, number];
  const rows = tf.reshape<tf.Rank.R2>(x, [-1, inputs]);
  const y = tf.reshape(times(weight, rows), [...x.shape.slice(0, -1), outputs]); // [..., outputs]
  return bias === undefined ? y : tf.add(y, bias);
}

function times(weight: tf.Tensor | LinearOperator, rows: tf.Tensor2D): tf.Tensor {
  if (weight instanceof LinearOperator) return weight.times(rows);
  return rows.shape[0] === 1 ? rowTimes(rows, weight) : tf.matMul(rows, weight);
}

/**
 * One row times a matrix, as the sum of products of their parts: row [inputs], matrix [inputs, outputs], cut along the inputs, which
 * copies nothing. XLA computes a single such product on one thread of a CPU, and a batch of at least 6 on all: in generation, where
 * the time is that of reading the matrices, that is a fifth of a token's time.
 */
function rowTimes(row: tf.Tensor2D, weight: tf.Tensor): tf.Tensor {
  const [inputs, outputs] = weight.shape as [number, number];
  if (inputs % rowParts !== 0 || inputs * outputs < largeMatrix) return tf.matMul(row, weight);
  const size = inputs / rowParts;
  const products = tf.matMul(tf.reshape(row, [rowParts, 1, size]), tf.reshape(weight, [rowParts, size, outputs]));
  return tf.sum(products, 0); // [1, outputs]
}

const rowParts = 8;
/** A smaller matrix, below 256 kB, is read in some 20 µs: threads would gain little. */
const largeMatrix = 65_536;

/** From this many rows on, putting matrices side by side costs less than it saves. */
const manyRows = 64;

/**
 * x W + b for several matrices with the same inputs, as one product with the matrices side by side: x is read once, and the gradient
 * of x is one product in place of several and their sum. A few rows, as in generation, are multiplied one matrix after another:
 * there the time is that of reading the matrices, which must not be copied.
 *
 * @example
 * const [q, k, v] = linears([query, key, value], x);
 */
export function linears<const Parts extends readonly Linear[]>(
  parts: Parts,
  x: tf.Tensor,
): { readonly [Index in keyof Parts]: tf.Tensor } {
  const numRows = x.shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const plain = parts.every(({ weight }) => !((weight as unknown) instanceof LinearOperator));
  const blocks = devicesAlong('tensor');
  const sizes = parts.map(({ weight }) => weight.shape[1] as number);
  if (numRows < manyRows || !plain || sizes.some((size) => size % blocks !== 0))
    return parts.map((part) => linear(part, x)) as { [Index in keyof Parts]: tf.Tensor };
  const joined = linear({ weight: sideBySide(parts, blocks) }, x);
  const split = apart(joined, sizes, blocks);
  return parts.map(({ bias }, index) => {
    const y = split[index] as tf.Tensor;
    return bias === undefined ? y : tf.add(y, bias);
  }) as { [Index in keyof Parts]: tf.Tensor };
}

/**
 * Matrices with the same inputs as one: [inputs, Σ outputs]. Where `blocks` devices of a mesh have some columns of each, it is a device's
 * columns of all matrices that stand side by side, then the next one's, so that none is moved.
 */
function sideBySide(parts: readonly Linear[], blocks: number): tf.Tensor {
  if (blocks === 1)
    return tf.concat(
      parts.map(({ weight }) => weight),
      1,
    );
  const cut = parts.map(({ weight }) => {
    const [inputs, outputs] = weight.shape as [number, number];
    return tf.reshape(weight, [inputs, blocks, outputs / blocks]);
  });
  const joined = tf.concat(cut, 2);
  return tf.reshape(joined, [joined.shape[0], -1]);
}

/** What the matrices have made, each by itself again: [..., Σ outputs] → [..., outputs] each. */
function apart(joined: tf.Tensor, sizes: readonly number[], blocks: number): tf.Tensor[] {
  if (blocks === 1) return tf.split(joined, [...sizes], -1);
  const leading = joined.shape.slice(0, -1);
  const cut = tf.split(
    tf.reshape(joined, [...leading, blocks, -1]),
    sizes.map((size) => size / blocks),
    -1,
  );
  return cut.map((part, index) => tf.reshape(part, [...leading, sizes[index] ?? 0]));
}
