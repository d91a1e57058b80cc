import * as tf from '@tensorflow/tfjs';

/**
 * Rows cut into about √width blocks of as many numbers, the last filled up with zeros: [rows, width] → [rows, blocks, size].
 *
 * @example
 * inBlocks(tf.ones([2, 10])); // [2, 3, 4]
 */
export function inBlocks(x: tf.Tensor): tf.Tensor3D {
  const [rows, width] = x.shape as [number, number];
  const size = Math.ceil(Math.sqrt(width));
  const numBlocks = Math.ceil(width / size);
  const missing = numBlocks * size - width;
  const whole =
    missing === 0
      ? x
      : tf.pad(x, [
          [0, 0],
          [0, missing],
        ]);
  return tf.reshape(whole, [rows, numBlocks, size]);
}

/**
 * One draw from each row of masses, which need not sum to 1: the place at which their sum, from the left, passes u times the whole. Each
 * place is drawn as often as its mass says, one without mass never.
 *
 * The block is found first, then the place in it: 2 √width sums in place of width.
 *
 * @param masses float32 [rows, width], not negative.
 * @param uniforms float32 [rows], in [0, 1).
 * @example
 * drawByInverse(tf.softmax(logits), uniforms); // int32 [rows]
 */
export function drawByInverse(masses: tf.Tensor, uniforms: tf.Tensor): tf.Tensor {
  const rows = masses.shape[0];
  const blocks = inBlocks(masses);
  const size = blocks.shape[2];
  const sums = tf.cumsum(tf.sum(blocks, 2), 1); // [rows, blocks]
  const aim = tf.mul(tf.reshape(uniforms, [rows, 1]), lastOf(sums));
  const block = placeOf(sums, aim); // [rows]
  const inner = tf.cumsum(ofEach(blocks, block), 1); // [rows, size]
  const before = tf.reshape(tf.sub(ofEach(sums, block), lastOf(inner)), [rows, 1]);
  return tf.add(tf.mul(block, tf.scalar(size, 'int32')), placeOf(inner, tf.sub(aim, before)));
}

/** The first place with a sum above the aim; where rounding leaves none, the first that reaches the whole. [rows, n], [rows, 1] → [rows] */
function placeOf(sums: tf.Tensor, aim: tf.Tensor): tf.Tensor {
  const numUpTo = (marks: tf.Tensor): tf.Tensor => tf.sum(tf.cast(marks, 'int32'), 1);
  return tf.minimum(numUpTo(tf.lessEqual(sums, aim)), numUpTo(tf.less(sums, lastOf(sums))));
}

function lastOf(sums: tf.Tensor): tf.Tensor {
  const [rows, width] = sums.shape as [number, number];
  return tf.slice(sums, [0, width - 1], [rows, 1]);
}

/** x[row, places[row]]: [rows, n, …] → [rows, 1, …] without the axis of one. */
export function ofEach(x: tf.Tensor, places: tf.Tensor): tf.Tensor {
  const [rows = 0, , ...rest] = x.shape;
  return tf.reshape(
    tf.gather(x, tf.reshape<tf.Rank.R2>(places, [rows, 1]), 1, 1),
    rest.length === 0 ? [rows, 1] : [rows, ...rest],
  );
}
