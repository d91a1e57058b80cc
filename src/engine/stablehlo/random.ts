import { sizeOf } from '../trace.js';
import type { DType, Spec } from '../trace.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import type { Value, Writer } from './writer.js';

/**
 * Philox 4x32-10, a counter-based generator (Salmon 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"): ten rounds
 * turn a counter of 4 words and a key of 2 into 4 random words. Written in integer ops, so that every device gives the
 * bits that TensorFlow gives.
 */

const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
/** Added to the key after each round: the fractions of the golden ratio and of √3. */
const weyl = [0x9e3779b9, 0xbb67ae85] as const;

type Words = readonly [Value, Value, Value, Value];

/** The high and low word of x · multiplier. */
function multiplyWide(write: Writer, x: Value, multiplier: number): [high: Value, low: Value] {
  const wide = write.convert(x, 'uint64');
  const product = write.binary('multiply', wide, write.fill(wide, multiplier));
  const high = write.binary('shift_right_logical', product, write.fill(wide, 32));
  return [write.convert(high, 'uint32'), write.convert(product, 'uint32')];
}

function philox(write: Writer, counter: Words, key: readonly [Value, Value]): Words {
  let [a, b, c, d] = counter;
  let [low, high] = key;
  for (let round = 0; round < 10; round++) {
    const [highA, lowA] = multiplyWide(write, a, multipliers[0]);
    const [highC, lowC] = multiplyWide(write, c, multipliers[1]);
    a = write.binary('xor', write.binary('xor', highC, b), low);
    c = write.binary('xor', write.binary('xor', highA, d), high);
    b = lowC;
    d = lowA;
    low = write.binary('add', low, write.fill(low, weyl[0]));
    high = write.binary('add', high, write.fill(high, weyl[1]));
  }
  return [a, b, c, d];
}

/** Element `index` of a uint64 vector as its low and high word, each repeated `count` times. */
function wordsOf(write: Writer, vector: Value, index: number, count: number): [low: Value, high: Value] {
  const scalar = write.reshape(write.slice(vector, [index], [index + 1]), []);
  const upper = write.binary('shift_right_logical', scalar, write.fill(scalar, 32));
  const spread = (x: Value): Value => write.broadcast(write.convert(x, 'uint32'), [count]);
  return [spread(scalar), spread(upper)];
}

/** counter + 0, counter + 1, …: 128-bit sums with carries. */
function countersFrom(write: Writer, counter: Value, count: number): Words {
  const [c0, c1] = wordsOf(write, counter, 0, count);
  const [c2, c3] = wordsOf(write, counter, 1, count);
  const step = write.iota({ dtype: 'uint32', shape: [count] }, 0);
  const carryOf = (sum: Value, addend: Value): Value => write.convert(write.compare('LT', sum, addend), 'uint32');
  const a = write.binary('add', c0, step);
  const carryA = carryOf(a, step);
  const b = write.binary('add', c1, carryA);
  const carryB = carryOf(b, carryA);
  const c = write.binary('add', c2, carryB);
  const d = write.binary('add', c3, carryOf(c, carryB));
  return [a, b, c, d];
}

/**
 * Shape, key (uint64[1]), counter (uint64[2]), algorithm: whole random words. Block i of the counter gives elements
 * 4i … 4i+3 of 32 bits, or 2i and 2i+1 of 64 bits (low word first).
 */
const fullIntegers: LoweringRule = (operation, write) => {
  const algorithm = operation.number(3, 'the algorithm');
  if (algorithm !== 1) throw operation.refuse('this generator has no rule', `algorithm ${algorithm}`, '1 (Philox)');
  const { dtype, shape } = operation.output;
  const wide = dtype === 'int64' || dtype === 'uint64';
  const perBlock = wide ? 2 : 4;
  const size = sizeOf(shape);
  const numBlocks = Math.max(Math.ceil(size / perBlock), 1);
  const key = wordsOf(write, operation.input(1), 0, numBlocks);
  const words = philox(write, countersFrom(write, operation.input(2), numBlocks), key);
  const columns = wide ? [join(write, words[0], words[1]), join(write, words[2], words[3])] : words;
  const table = write.concatenate(
    columns.map((column) => write.reshape(column, [numBlocks, 1])),
    1,
  );
  const flat = write.slice(write.reshape(table, [numBlocks * perBlock]), [0], [size]);
  return write.reshape(asSigned(write, flat, dtype), shape);
};

/** high · 2³² + low. */
function join(write: Writer, low: Value, high: Value): Value {
  const upper = write.convert(high, 'uint64');
  return write.binary('or', write.binary('shift_left', upper, write.fill(upper, 32)), write.convert(low, 'uint64'));
}

function asSigned(write: Writer, x: Value, dtype: DType): Value {
  const result: Spec = { dtype, shape: x.shape };
  return x.dtype === dtype ? x : write.bitcast(x, result);
}

export const random: LoweringRules = { StatelessRandomUniformFullIntV2: fullIntegers };
