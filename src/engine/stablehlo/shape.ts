import { sizeOf } from '../trace.js';
import type { Spec } from '../trace.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/** Ops that move elements, join and repeat tensors, or make them from a formula. */

const reshape: LoweringRule = (operation, write) => write.reshape(operation.input(0), operation.output.shape);

const transpose: LoweringRule = (operation, write) =>
  write.transpose(operation.input(0), operation.numbers(1, 'the order of the axes'));

/** Values, then the axis. */
const concat: LoweringRule = (operation, write) => {
  const count = operation.numInputs - 1;
  const parts = Array.from({ length: count }, (_, index) => operation.input(index));
  return write.concatenate(parts, operation.axis(count, operation.output.shape.length));
};

/** Tensors of one shape, side by side along an axis that is made for them. */
const pack: LoweringRule = (operation, write) => {
  const { shape } = operation.output;
  const axis = attributeAxis(operation, shape.length);
  const unit = shape.map((size, k) => (k === axis ? 1 : size));
  return write.concatenate(
    operation.inputs().map((x) => write.reshape(x, unit)),
    axis,
  );
};

/** The slices of an axis, which goes. */
const unpack: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const axis = attributeAxis(operation, x.shape.length);
  return operation.outputs.map(({ shape }, index) => write.reshape(part(write, x, axis, index, 1), shape));
};

function attributeAxis(operation: Operation, rank: number): number {
  const axis = operation.int('axis', 0);
  return axis < 0 ? axis + rank : axis;
}

/** `count` elements of an axis from `start` on. */
export function part(write: Writer, x: Value, axis: number, start: number, count: number): Value {
  return write.slice(
    x,
    x.shape.map((_, k) => (k === axis ? start : 0)),
    x.shape.map((size, k) => (k === axis ? start + count : size)),
  );
}

/** Consecutive parts of an axis: as large as the outputs are. */
function split(operation: Operation, write: Writer, x: Value, axis: number): Value[] {
  let start = 0;
  return operation.outputs.map(({ shape }) => {
    const count = sizeAt(shape, axis);
    const piece = part(write, x, axis, start, count);
    start += count;
    return piece;
  });
}

const splitEqual: LoweringRule = (operation, write) => {
  const x = operation.input(1);
  return split(operation, write, x, operation.axis(0, x.shape.length));
};

const splitSizes: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return split(operation, write, x, operation.axis(2, x.shape.length));
};

/** x after itself, `multiples[axis]` times along each axis. */
const tile: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const multiples = operation.numbers(1, 'the multiples');
  const copies = x.shape.flatMap((size, axis) => [sizeAt(multiples, axis), size]);
  const axes = x.shape.map((_, axis) => 2 * axis + 1);
  return write.reshape(write.broadcastInDim(x, copies, axes), operation.output.shape);
};

const broadcastTo: LoweringRule = (operation, write) => write.broadcast(operation.input(0), operation.output.shape);

/** A shape, then the value that fills it. */
const fill: LoweringRule = (operation, write) => write.broadcast(operation.input(1), operation.output.shape);

/** Before and after each axis: the value of the third input, or 0. */
const pad: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const paddings = operation.numbers(1, 'the paddings');
  const value = operation.numInputs > 2 ? operation.input(2) : write.fill({ dtype: x.dtype, shape: [] }, 0);
  const low = x.shape.map((_, axis) => sizeAt(paddings, 2 * axis));
  const high = x.shape.map((_, axis) => sizeAt(paddings, 2 * axis + 1));
  return write.pad(x, value, low, high);
};

/** Before and after each axis: the elements next to the edge in reverse, with the edge (SYMMETRIC) or without (REFLECT). */
const mirrorPad: LoweringRule = (operation, write) => {
  const paddings = operation.numbers(1, 'the paddings');
  const skip = operation.string('mode', 'REFLECT') === 'REFLECT' ? 1 : 0;
  return operation.spec(0).shape.reduce<Value>((x, size, axis) => {
    const [low, high] = [sizeAt(paddings, 2 * axis), sizeAt(paddings, 2 * axis + 1)];
    const before = write.reverse(part(write, x, axis, skip, low), [axis]);
    const after = write.reverse(part(write, x, axis, size - skip - high, high), [axis]);
    return write.concatenate([before, x, after], axis);
  }, operation.input(0));
};

const reverse: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.reverse(x, operation.axes(1, x.shape.length));
};

/** x moved along axes; what leaves at the end comes back at the start. */
const roll: LoweringRule = (operation, write) => {
  const shifts = operation.numbers(1, 'the shifts');
  const x = operation.input(0);
  return operation.numbers(2, 'the axes').reduce<Value>((rolled, signed, index) => {
    const axis = signed < 0 ? signed + x.shape.length : signed;
    const size = sizeAt(x.shape, axis);
    const shift = size === 0 ? 0 : ((sizeAt(shifts, index) % size) + size) % size;
    const tail = part(write, rolled, axis, size - shift, shift);
    return write.concatenate([tail, part(write, rolled, axis, 0, size - shift)], axis);
  }, x);
};

/** start + i · delta. */
const range: LoweringRule = (operation, write) => {
  const result = operation.output;
  const steps = write.binary('multiply', write.iota(result, 0), write.broadcast(operation.input(2), result.shape));
  return write.binary('add', write.broadcast(operation.input(0), result.shape), steps);
};

/** start + i · (stop - start) / (count - 1). */
const linSpace: LoweringRule = (operation, write) => {
  const result = operation.output;
  const [start, stop] = [operation.input(0), operation.input(1)];
  const gaps = Math.max(sizeAt(result.shape, 0) - 1, 1);
  const delta = write.binary('divide', write.binary('subtract', stop, start), write.fill(start, gaps));
  const steps = write.binary('multiply', write.iota(result, 0), write.broadcast(delta, result.shape));
  return write.binary('add', write.broadcast(start, result.shape), steps);
};

/** What is known of a tensor, as a tensor. */
const known =
  (of: (shape: readonly number[]) => readonly number[]): LoweringRule =>
  (operation, write) => {
    const result = operation.output;
    const numbers = of(operation.spec(0).shape);
    const elements = result.dtype === 'int64' ? BigInt64Array.from(numbers, BigInt) : Int32Array.from(numbers);
    return write.constant(result, elements);
  };

/** The shape that two shapes stretch to, as a tensor: matched from the last size; where one is 1, the other. */
const broadcastArgs: LoweringRule = (operation, write) => {
  const { dtype, shape } = operation.output;
  const one = write.fill({ dtype, shape: [] }, 1);
  const filled = (x: Value): Value => write.pad(x, one, [sizeAt(shape, 0) - sizeAt(x.shape, 0)], [0]);
  const [a, b] = [filled(operation.input(0)), filled(operation.input(1))];
  return write.select(write.compare('EQ', a, write.fill(a, 1)), b, a);
};

/** x on the diagonal of a tensor of twice its rank, zeros elsewhere. */
const diagonal: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const size = sizeOf(x.shape);
  const square = [size, size];
  const places: Spec = { dtype: 'int32', shape: square };
  const isDiagonal = write.compare('EQ', write.iota(places, 0), write.iota(places, 1));
  const rows = write.broadcastInDim(write.reshape(x, [size]), square, [0]);
  return write.reshape(write.select(isDiagonal, rows, write.fill(rows, 0)), operation.output.shape);
};

export const shapes: LoweringRules = {
  BroadcastArgs: broadcastArgs,
  BroadcastTo: broadcastTo,
  ConcatV2: concat,
  Diag: diagonal,
  ExpandDims: reshape,
  Fill: fill,
  LinSpace: linSpace,
  MirrorPad: mirrorPad,
  Pack: pack,
  Pad: pad,
  PadV2: pad,
  Range: range,
  Rank: known((shape) => [shape.length]),
  Reshape: reshape,
  ReverseV2: reverse,
  Roll: roll,
  Shape: known((shape) => shape),
  Size: known((shape) => [sizeOf(shape)]),
  Split: splitEqual,
  SplitV: splitSizes,
  Squeeze: reshape,
  Tile: tile,
  Transpose: transpose,
  Unpack: unpack,
};
