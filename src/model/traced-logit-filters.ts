import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { op1 } from '../engine/op.js';
import type { Choice } from './choice.js';
import { inBlocks } from './inverse-cdf.js';

// The filters of `logit-filters.ts` on tensors, for many rows at a time inside a compiled function.
// Legend: a token that was taken away has −∞. "relative": logits less the row's highest, so that none is above 0.

/**
 * Logits of tokens that were seen: l / penalty where l > 0, l · penalty where not. Keskar 2019, "CTRL" (1909.05858).
 *
 * @param seen bool, the shape of the logits.
 * @example
 * penaliseSeen(logits, seen, 1.3); // [rows, vocabulary]
 */
export function penaliseSeen(logits: tf.Tensor, seen: tf.Tensor, penalty: number): tf.Tensor {
  const changed = tf.where(tf.greater(logits, 0), tf.div(logits, penalty), tf.mul(logits, penalty));
  return tf.where(seen, changed, logits);
}

/** The logits less the highest of their row: [rows, vocabulary], none above 0. */
export function relativeToHighest(logits: tf.Tensor): tf.Tensor {
  return tf.sub(logits, tf.max(logits, 1, true));
}

/**
 * Relative logits with tokens taken away as a choice says: top-k, top-p, min-p, in this order. The likeliest always stays.
 *
 * @example
 * keepLikely(relativeToHighest(logits), { temperature: 1, topK: 50 });
 */
export function keepLikely(
  relative: tf.Tensor,
  { topK, topP, minP }: Pick<Choice, 'topK' | 'topP' | 'minP'>,
): tf.Tensor {
  let left = relative;
  if (topK !== undefined && topK < (relative.shape[1] ?? 0)) left = keepTopK(left, topK);
  if (topP !== undefined && topP < 1) left = keepTopP(left, topP);
  if (minP !== undefined && minP > 0) left = keepWhere(left, tf.greaterEqual(left, Math.fround(Math.log(minP))));
  return left;
}

function keepWhere(relative: tf.Tensor, kept: tf.Tensor): tf.Tensor {
  return tf.where(kept, relative, tf.fill(relative.shape, -Infinity));
}

/** The k likeliest, and those as likely as the k-th. */
function keepTopK(relative: tf.Tensor, k: number): tf.Tensor {
  const lowest = tf.slice(tf.topk(relative, k).values, [0, k - 1], [-1, 1]);
  return keepWhere(relative, tf.greaterEqual(relative, lowest));
}

/** The bits of a float32 that is not negative: 30 to 0. They order such numbers as integers do. */
const bitValues = Array.from({ length: 31 }, (_, index) => 2 ** (30 - index));

/**
 * The smallest set of likeliest tokens whose probability reaches `share`; of equally likely ones the lower id comes first.
 *
 * Nothing is sorted: the logit at the border is found bit by bit. Its distance from the highest is the largest number below which
 * there is not enough mass; 31 sums over the vocabulary say which. A sort of 4,096 logits takes five times as long.
 */
function keepTopP(relative: tf.Tensor, share: number): tf.Tensor {
  const rows = relative.shape[0];
  const masses = tf.exp(relative);
  const enough = tf.mul(tf.sum(masses, 1, true), share); // [rows, 1]
  const distance = op1('Bitcast', [tf.abs(relative)], { T: { type: 'float32' }, type: { type: 'int32' } });
  const nothing = tf.zerosLike(masses);
  const massBelow = (border: tf.Tensor): tf.Tensor =>
    tf.sum(tf.where(tf.less(distance, border), masses, nothing), 1, true);
  const bits = tf.tensor1d(bitValues, 'int32');
  const [, found] = loop(
    ([index]) => tf.less(index as tf.Tensor, tf.scalar(bitValues.length, 'int32')),
    ([index, border]) => {
      const bit = tf.gather(bits, tf.reshape<tf.Rank.R1>(index as tf.Tensor, [1]));
      const further = tf.add(border as tf.Tensor, bit); // [rows, 1]
      const isShort = tf.less(massBelow(further), enough);
      return [
        tf.add(index as tf.Tensor, tf.scalar(1, 'int32')),
        tf.where<tf.Tensor>(isShort, further, border as tf.Tensor),
      ];
    },
    [tf.scalar(0, 'int32'), tf.zeros([rows, 1], 'int32')],
    { name: 'top_p', length: bitValues.length },
  );
  const border = found as tf.Tensor;
  const atBorder = tf.equal(distance, border);
  const each = tf.max(tf.where(atBorder, masses, nothing), 1, true); // the probability of one at the border, times a constant
  const numAtBorder = tf.ceil(tf.div(tf.sub(enough, massBelow(border)), each));
  const isIn = tf.logicalAnd(atBorder, tf.lessEqual(numBefore(atBorder), numAtBorder));
  return keepWhere(relative, tf.logicalOr(tf.less(distance, border), isIn));
}

/** For each place of a row how many are true up to it, itself counted: bool [rows, width] → float32 [rows, width]. */
function numBefore(marks: tf.Tensor): tf.Tensor {
  const [rows, width] = marks.shape as [number, number];
  const blocks = inBlocks(tf.cast(marks, 'float32')); // [rows, blocks, size]
  const [, numBlocks, size] = blocks.shape;
  const earlier = tf.cumsum(tf.sum(blocks, 2), 1, true); // [rows, blocks]
  const counts = tf.add(tf.cumsum(blocks, 2), tf.expandDims(earlier, 2));
  return tf.slice(tf.reshape(counts, [rows, numBlocks * size]), [0, 0], [rows, width]);
}
