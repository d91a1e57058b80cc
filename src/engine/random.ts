import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { withArithmetic, type Arithmetic } from './arithmetic.js';
import { isNative } from './backend.js';
import { fold, foldNumberDomain, type Key } from './key.js';
import { op1 } from './op.js';
import { philox } from './philox.js';
import { activeRecorder } from './recorder.js';
import { sizeOf } from './trace.js';

/** A key that is known only when a compiled function runs: its two words as int32[2]. */
export interface TensorKey {
  readonly words: tf.Tensor1D;
}

/** Where random numbers come from: a key, plain or traced. The same key gives the same numbers on every backend. */
export type RandomKey = Key | TensorKey;

/**
 * `fold(key, step)` for a step that is a tensor: the same child as `fold` gives for the same number.
 *
 * @example
 * const train = compile((batch: Batch, step: tf.Scalar) => loss(batch, foldTensor(dropoutKey, step)));
 */
export function foldTensor(parent: RandomKey, step: tf.Tensor): TensorKey {
  const words = tf.tidy(() => {
    const low = tf.reshape(tf.cast(step, 'int32'), [1]);
    if (!isNative()) return wordsTensor(fold(plainKey(parent), low.dataSync()[0] ?? 0));
    // The counter as int32[4]: the step in two's complement of 64 bits, then the domain that keeps folds apart from draws.
    const high = tf.neg(tf.cast(tf.less(low, tf.scalar(0, 'int32')), 'int32'));
    const counter = tf.concat([low, high, tf.tensor1d([foldNumberDomain, 0], 'int32')]);
    return philoxOp(keyWords(parent), counter, [2]) as tf.Tensor1D;
  });
  return { words };
}

/**
 * 32 random bits an element, as int32. Word i of the key's Philox stream is element i.
 *
 * Equal on every backend and target.
 *
 * @example
 * randomBits(key(7), [2, 3]); // int32 [2, 3]
 */
export function randomBits(from: RandomKey, shape: readonly number[]): tf.Tensor {
  if (isNative()) return tf.tidy(() => philoxOp(keyWords(from), tf.tensor1d([0, 0, 0, 0], 'int32'), shape));
  const { words } = plainKey(from);
  return tf.tensor(new Int32Array(philox(words, [0, 0, 0, 0], sizeOf(shape)).buffer), [...shape], 'int32');
}

/**
 * Uniform in [min, max): min + (max − min)·u, where u is one of 2²⁴ equally spaced numbers of [0, 1). Rounding to float32 may give max
 * itself where min ≠ 0.
 *
 * Equal on every backend and target: u · (max − min) is exact in float64, and rounded once with the sum.
 *
 * @throws TrainbookError if min or max is not finite.
 * @example
 * uniform(key(7), [2, 3], { min: -1, max: 1 });
 */
export function uniform(from: RandomKey, shape: readonly number[], { min = 0, max = 1 } = {}): tf.Tensor {
  requireFinite('uniform', 'min', min);
  requireFinite('uniform', 'max', max);
  const low = Math.fround(min);
  const range = Math.fround(max - min);
  return tf.tidy(() => {
    const bits = randomBits(from, shape);
    return withArithmetic((arithmetic) => {
      // Bits as a signed number without its lower 8: an integer k in [−2²³, 2²³). u = (k + 2²³) / 2²⁴.
      const upper = arithmetic.floor(arithmetic.affine(arithmetic.fromInt32(bits), 2 ** -8, 0));
      const unit = arithmetic.affine(upper, 2 ** -24, 0.5);
      return arithmetic.toFloat32(arithmetic.affine(unit, range, low), shape);
    });
  });
}

/**
 * Normal: mean + deviation · z, z from pairs of uniforms by Box and Muller (1958), "A note on the generation of random normal deviates":
 * √(−2 ln u₁)·cos 2πu₂ and √(−2 ln u₁)·sin 2πu₂. |z| is at most 6.8.
 *
 * Equal to 1e-6 on every backend and target, and to the last bit but for about one number in 10⁸: computed in float64, rounded once.
 *
 * @throws TrainbookError if mean or deviation is not finite.
 * @example
 * normal(key(7), [512, 128], { deviation: 0.02 });
 */
export function normal(from: RandomKey, shape: readonly number[], { mean = 0, deviation = 1 } = {}): tf.Tensor {
  requireFinite('normal', 'mean', mean);
  requireFinite('normal', 'deviation', deviation);
  const size = sizeOf(shape);
  const half = Math.ceil(size / 2);
  /** The two numbers of each pair of uniforms. */
  const made = ([bits1, bits2]: readonly tf.Tensor[]): tf.Tensor[] => {
    if (bits1 === undefined || bits2 === undefined) throw new Error('internal: split into two gave fewer');
    return withArithmetic((arithmetic) => {
      const radius = arithmetic.sqrt(arithmetic.affine(arithmetic.log(openUnit(arithmetic, bits1)), -2, 0));
      const scaled = arithmetic.affine(radius, deviation, 0);
      const angle = arithmetic.affine(openUnit(arithmetic, bits2), 2 * Math.PI, 0);
      return [arithmetic.cos(angle), arithmetic.sin(angle)].map((direction) =>
        arithmetic.toFloat32(arithmetic.affine(arithmetic.multiply(scaled, direction), 1, mean), bits1.shape),
      );
    });
  };
  return tf.tidy(() => {
    const inPieces = half > mostPairs && isNative() && activeRecorder() === undefined;
    const pairs = inPieces ? pairsInPieces(from, half, made) : made(tf.split(randomBits(from, [2 * half]), 2));
    const numbers = tf.concat([...pairs]);
    return tf.reshape(size === 2 * half ? numbers : tf.slice(numbers, [0], [size]), [...shape]);
  });
}

/** Pairs that `normal` makes at a time: in float64 each takes some 120 bytes on the way, which for a large table would be gigabytes. */
export const mostPairs = 2 ** 20;

/** First numbers of all pairs, then the second ones, each in pieces. */
function pairsInPieces(
  from: RandomKey,
  half: number,
  made: (bits: readonly tf.Tensor[]) => tf.Tensor[],
): readonly tf.Tensor[] {
  const starts = Array.from({ length: Math.ceil(half / mostPairs) }, (_, piece) => piece * mostPairs);
  const pieces = starts.map((start) => {
    const count = Math.min(mostPairs, half - start);
    return tf.tidy(() => made([start, half + start].map((first) => streamOf(from, first, count))));
  });
  return [0, 1].flatMap((which) => pieces.map((piece) => piece[which] as tf.Tensor));
}

/** Words `first` to `first + count` of a key's Philox stream, of which a block has four. */
function streamOf(from: RandomKey, first: number, count: number): tf.Tensor {
  const before = first % 4;
  const counter = tf.tensor1d([Math.floor(first / 4), 0, 0, 0], 'int32');
  return tf.slice(philoxOp(keyWords(from), counter, [before + count]), [before], [count]);
}

/** Giles 2010, "Approximating the erfinv function", for |x| < 0.9966: coefficients of (w − 2.5)⁸, …, ⁰, relative error below 4e-7. */
const inverseErf = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
] as const;

/** erf(√2): the chance that a normal number lies within two deviations of its mean. */
const withinTwo = 0.9544997361036416;

/**
 * Normal, cut off at two deviations from the mean (as initialisers want it): mean + deviation·√2·erf⁻¹(x), x uniform in ±erf(√2).
 * With w = −ln(1 − x²): erf⁻¹(x) = x·p(w − 2.5), p by Giles.
 *
 * Equal as `normal` is. The deviation of what is drawn is 0.8796 · `deviation`.
 *
 * @throws TrainbookError if mean or deviation is not finite.
 * @example
 * truncatedNormal(key(7), [512, 128], { deviation: 0.02 });
 */
export function truncatedNormal(
  from: RandomKey,
  shape: readonly number[],
  { mean = 0, deviation = 1 } = {},
): tf.Tensor {
  requireFinite('truncatedNormal', 'mean', mean);
  requireFinite('truncatedNormal', 'deviation', deviation);
  return tf.tidy(() => {
    const bits = randomBits(from, shape);
    return withArithmetic((arithmetic) => {
      const x = arithmetic.affine(openUnit(arithmetic, bits), 2 * withinTwo, -withinTwo);
      const w = arithmetic.affine(arithmetic.log(arithmetic.affine(arithmetic.multiply(x, x), -1, 1)), -1, -2.5);
      const [highest, ...lower] = inverseErf;
      const polynomial = lower.reduce(
        (sum, coefficient) => arithmetic.affine(arithmetic.multiply(sum, w), 1, coefficient),
        arithmetic.affine(w, 0, highest),
      );
      const scaled = arithmetic.affine(arithmetic.multiply(x, polynomial), deviation * Math.SQRT2, mean);
      return arithmetic.toFloat32(scaled, shape);
    });
  });
}

/**
 * True with the given probability, to a resolution of 2⁻³²: the bits as an integer, compared with a threshold.
 *
 * Equal on every backend and target.
 *
 * @throws TrainbookError if the probability is not in [0, 1].
 * @example
 * const kept = bernoulli(key(7), 0.9, x.shape); // bool
 */
export function bernoulli(from: RandomKey, probability: number, shape: readonly number[]): tf.Tensor {
  if (!(probability >= 0 && probability <= 1)) {
    throw new TrainbookError({
      what: 'bernoulli: the probability must lie in [0, 1]',
      received: probability,
      expected: '0 ≤ probability ≤ 1',
    });
  }
  const threshold = Math.round(probability * 2 ** 32) - 2 ** 31;
  // The one threshold that is no int32: every number lies below it.
  if (threshold === 2 ** 31) return tf.fill([...shape], 1, 'bool');
  return tf.tidy(() => tf.less(randomBits(from, shape), tf.scalar(threshold, 'int32')));
}

/**
 * One draw from each row of logits, P(i) = softmax(logits)_i: the place of the largest logit_i − ln(−ln u_i), u uniform (the Gumbel-max
 * trick; Maddison, Tarlow, Minka 2014, "A* sampling", 1411.0030). −∞ is never drawn while a finite logit is there.
 *
 * Equal logits give equal draws on every backend and target unless the two best scores of a row are within about 1e-15 of each other
 * (computed in float64: one draw in 10¹⁴). Logits that differ in their last digits may, rarely, give other draws.
 *
 * @throws TrainbookError if there is no axis to draw from.
 * @example
 * const next = categorical(stepKey, logits); // logits [batch, vocabulary] → int32 [batch]
 */
export function categorical(from: RandomKey, logits: tf.Tensor): tf.Tensor {
  const width = logits.shape[logits.rank - 1];
  if (width === undefined || width === 0) {
    throw new TrainbookError({
      what: 'categorical: the last axis of the logits holds the choices',
      received: `shape [${logits.shape.join(', ')}]`,
      expected: 'at least one choice',
    });
  }
  return tf.tidy(() => {
    const bits = randomBits(from, logits.shape);
    return withArithmetic((arithmetic) => {
      const waiting = arithmetic.affine(arithmetic.log(openUnit(arithmetic, bits)), -1, 0);
      const gumbel = arithmetic.affine(arithmetic.log(waiting), -1, 0);
      const scores = arithmetic.add(arithmetic.fromFloat32(tf.cast(logits, 'float32')), gumbel);
      return arithmetic.argMax(scores, width, logits.shape.slice(0, -1));
    });
  });
}

/** (k + 2³¹ + ½) / 2³², k the bits as a signed number: uniform in (0, 1) without its ends, exact in float64. */
function openUnit<Values>(arithmetic: Arithmetic<Values>, bits: tf.Tensor): Values {
  return arithmetic.affine(arithmetic.fromInt32(bits), 2 ** -32, 0.5 + 2 ** -33);
}

/** TensorFlow's Philox: key int32[2] and counter int32[4], low words first, seen as uint64. */
function philoxOp(key: tf.Tensor, counter: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const asUint64 = (words: tf.Tensor, count: number) =>
    op1('Bitcast', [tf.reshape(words, [count, 2])], { T: { type: 'int32' }, type: { type: 'uint64' } });
  return op1(
    'StatelessRandomUniformFullIntV2',
    [tf.tensor1d([...shape], 'int32'), asUint64(key, 1), asUint64(counter, 2), tf.scalar(1, 'int32')],
    { dtype: { type: 'int32' }, Tshape: { type: 'int32' } },
  );
}

function isTensorKey(from: RandomKey): from is TensorKey {
  return from.words instanceof tf.Tensor;
}

function keyWords(from: RandomKey): tf.Tensor1D {
  return isTensorKey(from) ? from.words : wordsTensor(from);
}

function wordsTensor({ words }: Key): tf.Tensor1D {
  return tf.tensor1d(
    Int32Array.from(words, (word) => word | 0),
    'int32',
  );
}

function plainKey(from: RandomKey): Key {
  if (!isTensorKey(from)) return from;
  const [low = 0, high = 0] = from.words.dataSync();
  return { words: [low >>> 0, high >>> 0] };
}

function requireFinite(what: string, name: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new TrainbookError({ what: `${what}: ${name} must be a finite number`, received: value });
  }
}
