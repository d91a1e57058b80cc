// A code is a sign and a number k of 7 bits, whose highest bit says the power of ten and whose other bits go evenly through it:
//   k = 1          one value  in [10⁻⁷, 10⁻⁶)
//   k = 2, 3       two values in [10⁻⁶, 10⁻⁵)
//   …
//   k = 64 … 127   64 values  in [10⁻¹, 1)        each in the middle of its part of the interval
// Legend: blocks = ⌈elements / 256⌉; four codes of 8 bits lie in one int32.
import * as tf from '@tensorflow/tfjs';

/** Elements that share a scale. */
const blockSize = 256;
const codesInWord = 4;
const numPowers = 7;

/** Numbers of 8 bits. */
export type Quantised = {
  readonly codes: tf.Tensor; // int32 [blocks, 64]
  readonly scales: tf.Tensor; // float32 [blocks]: the largest magnitude of each block
};

/** The value of k. */
function magnitude(k: number): number {
  if (k === 0) return 0;
  const power = Math.floor(Math.log2(k));
  const numParts = 2 ** power;
  return 10 ** (power + 1 - numPowers) * (0.1 + (0.9 * (k - numParts + 0.5)) / numParts);
}

/** The largest of a block has this value, so that it comes back exactly. */
const highest = magnitude(127);

/** Values of the bytes 0 … 255, which are 128 and the signed code. */
const values = Float32Array.from({ length: 256 }, (_, byte) =>
  byte === 0 ? 0 : (Math.sign(byte - 128) * magnitude(Math.abs(byte - 128))) / highest,
);

/** Bytes that `quantiseBlocks` makes of so many float32 elements: 1.016 for each, and a block that is begun counts whole. */
export function quantisedBytes(numElements: number): number {
  return Math.ceil(numElements / blockSize) * (blockSize + 4);
}

/**
 * x ≈ scale · value(code), with a scale for each block of 256 elements: block-wise dynamic quantisation. An outlier spoils only its own
 * block, and small numbers keep their order of magnitude, which the root of a second moment needs, where even steps would lose
 * all below 1/254 of the largest. The error is at most 0.0071 of the block's largest magnitude, and falls by 5 with each power of ten.
 *
 * Dettmers 2021, "8-bit Optimizers via Block-wise Quantization" (2110.02861), with two differences: the largest number is exact whatever
 * its sign, and what is not 0 never becomes 0, since dividing by the root of such a 0 would explode (Li 2023, 2309.01507).
 */
export function quantiseBlocks(x: tf.Tensor): Quantised {
  return tf.tidy(() => {
    const numBlocks = Math.ceil(x.size / blockSize);
    const flat = tf.reshape<tf.Rank.R1>(x, [x.size]);
    const blocks = tf.reshape(tf.pad1d(flat, [0, numBlocks * blockSize - x.size]), [numBlocks, blockSize]);
    const sizes = tf.abs(blocks);
    const scales = tf.max(sizes, 1, true); // [blocks, 1]
    const codes = tf.mul(tf.sign(blocks), codeOf(tf.mul(tf.divNoNan(sizes, scales), highest)));
    return { codes: pack(tf.cast(codes, 'int32')), scales: tf.squeeze(scales, [1]) };
  });
}

/** Float32 numbers of this shape, from their codes. */
export function dequantiseBlocks({ codes, scales }: Quantised, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const blocks = tf.mul(tf.gather(tf.tensor1d(values), unpack(codes)), tf.expandDims(scales, 1)); // [blocks, 256]
  return tf.reshape(tf.slice1d(tf.reshape(blocks, [blocks.size]), 0, size), [...shape]);
}

/** k of numbers in [0, 1). Sums of comparisons are exact on every target, where a logarithm would not be. */
function codeOf(sizes: tf.Tensor): tf.Tensor {
  let numParts: tf.Tensor = tf.onesLike(sizes); // 2^power
  let factor: tf.Tensor = tf.mul(numParts, 10 ** (numPowers - 1)); // 10^(6 − power)
  for (let power = 1; power < numPowers; power++) {
    const reached = tf.cast(tf.greaterEqual(sizes, 10 ** (power - numPowers)), 'float32');
    numParts = tf.add(numParts, tf.mul(reached, 2 ** (power - 1)));
    factor = tf.sub(factor, tf.mul(reached, 0.9 * 10 ** (numPowers - power)));
  }
  const along = tf.mul(tf.sub(tf.mul(sizes, factor), 0.1), tf.div(numParts, 0.9));
  const part = tf.minimum(tf.maximum(tf.floor(along), 0), tf.sub(numParts, 1));
  return tf.mul(tf.add(numParts, part), tf.cast(tf.greater(sizes, 0), 'float32'));
}

/** Signed codes of a block, [blocks, 256] → [blocks, 64]: each word has one code of each quarter, the last quarter's with the sign. */
function pack(codes: tf.Tensor): tf.Tensor {
  const [first, second, third, fourth] = tf.split(codes, codesInWord, 1) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const byte = (quarter: tf.Tensor): tf.Tensor => tf.add(quarter, tf.scalar(128, 'int32'));
  const above = (high: tf.Tensor, low: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(high, tf.scalar(256, 'int32')), byte(low));
  return above(above(above(fourth, third), second), first);
}

/** [blocks, 64] words → [blocks, 256] bytes. */
function unpack(words: tf.Tensor): tf.Tensor {
  const quarters: tf.Tensor[] = [];
  let rest = words;
  for (let quarter = 1; quarter < codesInWord; quarter++) {
    const above = tf.floorDiv(rest, tf.scalar(256, 'int32'));
    quarters.push(tf.sub(rest, tf.mul(above, tf.scalar(256, 'int32'))));
    rest = above;
  }
  return tf.concat([...quarters, tf.add(rest, tf.scalar(128, 'int32'))], 1);
}
