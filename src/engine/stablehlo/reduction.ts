import type { DType, Spec } from '../trace.js';
import { argReduce, sort } from './regions.js';
import { isFloating } from './rule.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { reduceWindow } from './window.js';
import { sizeAt } from './writer.js';
import type { Reducer, Value, Writer } from './writer.js';

/** Folding axes: sums, means, extremes, and running sums. */

/** What a fold starts from, so that it does not change the result. */
export function neutral(reducer: Reducer, dtype: DType): number | bigint | boolean {
  if (reducer === 'add' || reducer === 'or') return 0;
  if (reducer === 'multiply' || reducer === 'and') return 1;
  const lowest = reducer === 'maximum';
  if (isFloating(dtype)) return lowest ? -Infinity : Infinity;
  const bits = BigInt(/\d+$/.exec(dtype)?.[0] ?? '1');
  if (dtype.startsWith('uint')) return lowest ? 0n : (1n << bits) - 1n;
  return lowest ? -(1n << (bits - 1n)) : (1n << (bits - 1n)) - 1n;
}

/** Folds `axes` of x. Half floats are added and multiplied as float32, as TensorFlow does. */
export function fold(write: Writer, reducer: Reducer, x: Value, axes: readonly number[]): Value {
  const half = (x.dtype === 'bfloat16' || x.dtype === 'float16') && (reducer === 'add' || reducer === 'multiply');
  const wide = half ? write.convert(x, 'float32') : x;
  const initial = write.fill({ dtype: wide.dtype, shape: [] }, neutral(reducer, wide.dtype));
  return write.convert(write.reduce(reducer, wide, initial, axes), x.dtype);
}

const reduction =
  (reducer: Reducer): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    const folded = fold(write, reducer, x, operation.axes(1, x.shape.length));
    return write.reshape(folded, operation.output.shape); // keep_dims
  };

/** The sum divided by the count; of integers, towards zero. */
const mean: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const axes = operation.axes(1, x.shape.length);
  const count = axes.reduce((product, axis) => product * sizeAt(x.shape, axis), 1);
  const half = x.dtype === 'bfloat16' || x.dtype === 'float16';
  const sum = fold(write, 'add', half ? write.convert(x, 'float32') : x, axes);
  const quotient = write.binary('divide', sum, write.fill(sum, count));
  return write.reshape(write.convert(quotient, x.dtype), operation.output.shape);
};

/**
 * The index of the largest (smallest) element of an axis, the first of equal ones. A NaN counts as the largest
 * (smallest), as in NumPy.
 */
const argExtreme =
  (direction: 'GT' | 'LT'): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    const axis = operation.axis(1, x.shape.length);
    const { dtype } = operation.output;
    const index = write.iota({ dtype, shape: x.shape }, axis);
    const start = neutral(direction === 'GT' ? 'maximum' : 'minimum', x.dtype);
    return argReduce(write, x, index, axis, direction, write.fill({ dtype: x.dtype, shape: [] }, start));
  };

/**
 * Sums (or products) of all elements up to each one along an axis: a window that reaches back over the whole axis.
 * `exclusive` leaves the element itself out, `reverse` goes from the end.
 */
const running =
  (reducer: 'add' | 'multiply'): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    if (x.shape.length === 0) return x;
    const axis = operation.axis(1, x.shape.length);
    const size = sizeAt(x.shape, axis);
    if (size === 0) return x;
    const [exclusive, reverse] = [operation.bool('exclusive'), operation.bool('reverse')];
    const initial = write.fill({ dtype: x.dtype, shape: [] }, neutral(reducer, x.dtype));
    const shifted = exclusive ? shift(write, x, initial, axis, reverse) : x;
    return reduceWindow(write, reducer, shifted, initial, {
      size: x.shape.map((_, k) => (k === axis ? size : 1)),
      low: x.shape.map((_, k) => (k === axis && !reverse ? size - 1 : 0)),
      high: x.shape.map((_, k) => (k === axis && reverse ? size - 1 : 0)),
    });
  };

/** x moved by one along the axis, away from where the fold starts; the place that is freed gets the neutral element. */
function shift(write: Writer, x: Value, neutralElement: Value, axis: number, reverse: boolean): Value {
  const at = (value: number): number[] => x.shape.map((_, k) => (k === axis ? value : 0));
  const start = at(reverse ? 1 : 0);
  const limit = x.shape.map((size, k) => (k === axis && !reverse ? size - 1 : size));
  const cut = write.slice(x, start, limit);
  return write.pad(cut, neutralElement, at(reverse ? 0 : 1), at(reverse ? 1 : 0));
}

/**
 * log Σ exp of all elements up to each one, by doubling: after step k each place holds the 2ᵏ places that end there. An
 * exclusive one starts from the lowest finite number, as TensorFlow does.
 */
const runningLogSumExp: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const axis = operation.axis(1, x.shape.length);
  const size = sizeAt(x.shape, axis);
  const backwards = operation.bool('reverse') ? [axis] : [];
  const lowest = x.dtype === 'float64' ? -Number.MAX_VALUE : -largestFloat32;
  const moved = (value: Value, count: number, filler: number): Value => {
    const at = (number: number): number[] => x.shape.map((_, k) => (k === axis ? number : 0));
    const limit = x.shape.map((n, k) => (k === axis ? n - count : n));
    return write.pad(
      write.slice(value, at(0), limit),
      write.fill({ dtype: x.dtype, shape: [] }, filler),
      at(count),
      at(0),
    );
  };
  const half = x.dtype === 'bfloat16' || x.dtype === 'float16';
  if (half) throw operation.refuse('has a rule for whole floats only', x.dtype, 'float32 or float64');
  const turned = write.reverse(x, backwards);
  let sums = operation.bool('exclusive') && size > 0 ? moved(turned, 1, lowest) : turned;
  for (let reach = 1; reach < size; reach *= 2) sums = logAddExp(write, sums, moved(sums, reach, -Infinity));
  return write.reverse(sums, backwards);
};

/** log(exp(a) + exp(b)) = max + log1p(exp(-|a - b|)); equal ones give a + log 2, also infinite ones. */
function logAddExp(write: Writer, a: Value, b: Value): Value {
  const difference = write.unary('negate', write.unary('abs', write.binary('subtract', a, b)));
  const rest = write.unary('log_plus_one', write.unary('exponential', difference));
  const sum = write.binary('add', write.binary('maximum', a, b), rest);
  const twice = write.binary('add', a, write.fill(a, Math.LN2));
  return write.select(write.compare('EQ', a, b), twice, sum);
}

const largestFloat32 = 3.4028234663852886e38;

/** √Σ x²; of integers, towards zero. */
const euclideanNorm: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  if (x.dtype === 'complex64') throw operation.refuse('has a rule for real numbers only', x.dtype, 'a real dtype');
  const wide = isFloating(x.dtype) ? x : write.convert(x, 'float64');
  const sum = fold(write, 'add', write.binary('multiply', wide, wide), operation.axes(1, x.shape.length));
  return write.reshape(write.convert(write.unary('sqrt', sum), x.dtype), operation.output.shape);
};

/** The k largest along the last axis and their places: sorted, the first of equal ones first; a NaN counts as the largest. */
const topK: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const last = x.shape.length - 1;
  const [values, places] = operation.outputs;
  if (values === undefined || places === undefined) throw new Error('internal: TopKV2 has two outputs');
  const index = write.iota({ dtype: places.dtype, shape: x.shape }, last);
  const sorted = sort(write, [x, index], last, (inner, a, b) => {
    const greater = inner.compare('GT', a, b);
    if (!isFloating(a.dtype)) return greater;
    const onlyFirst = inner.binary('and', inner.compare('NE', a, a), inner.compare('EQ', b, b));
    return inner.binary('or', greater, onlyFirst);
  });
  const start = x.shape.map(() => 0);
  return sorted.map((tensor) => write.slice(tensor, start, values.shape));
};

/** x less its largest along the last axis: exponentials of it do not overflow. */
function shiftedLogits(operation: Operation, write: Writer): Value {
  const x = operation.input(0);
  const last = x.shape.length - 1;
  const largest = fold(write, 'maximum', x, [last]);
  return write.binary('subtract', x, alongLast(write, largest, x));
}

/** A value per row, repeated along the last axis of `like`. */
export function alongLast(write: Writer, rows: Value, like: Spec): Value {
  return write.broadcastInDim(
    rows,
    like.shape,
    rows.shape.map((_, axis) => axis),
  );
}

/** exp(x) / Σ exp(x) along the last axis. */
const softmax: LoweringRule = (operation, write) => {
  const exponentials = write.unary('exponential', shiftedLogits(operation, write));
  const sum = fold(write, 'add', exponentials, [exponentials.shape.length - 1]);
  return write.binary('divide', exponentials, alongLast(write, sum, exponentials));
};

/** x - ln Σ exp(x) along the last axis. */
const logSoftmax: LoweringRule = (operation, write) => {
  const shifted = shiftedLogits(operation, write);
  const sum = fold(write, 'add', write.unary('exponential', shifted), [shifted.shape.length - 1]);
  return write.binary('subtract', shifted, alongLast(write, write.unary('log', sum), shifted));
};

/** ½ Σ x². */
const l2Loss: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const axes = x.shape.map((_, axis) => axis);
  const sum = fold(write, 'add', write.binary('multiply', x, x), axes);
  return write.binary('multiply', sum, write.fill(sum, 0.5));
};

export const reductions: LoweringRules = {
  All: reduction('and'),
  Any: reduction('or'),
  ArgMax: argExtreme('GT'),
  ArgMin: argExtreme('LT'),
  Cumprod: running('multiply'),
  Cumsum: running('add'),
  CumulativeLogsumexp: runningLogSumExp,
  EuclideanNorm: euclideanNorm,
  L2Loss: l2Loss,
  LogSoftmax: logSoftmax,
  Max: reduction('maximum'),
  Mean: mean,
  Min: reduction('minimum'),
  Prod: reduction('multiply'),
  Softmax: softmax,
  Sum: reduction('add'),
  TopKV2: topK,
};
