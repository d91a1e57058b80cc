/** Ops that arrange the same elements anew: reshape, transpose, stretch, repeat, pad, reverse. None counts as arithmetic. */
import type { Rule, RuleInput } from '../trace.js';
import { sizeOf } from '../trace.js';
import { intsOf, stringOf, typeOf } from './attributes.js';
import { insertAxis, resolveAxes, resolveAxis } from './axis.js';
import { broadcastShapes } from './broadcast.js';
import { any, indexTypes, requireDtype } from './dtypes.js';
import { noFlops } from './flops.js';
import {
  known,
  knownNumber,
  knownOrNot,
  knownSizes,
  knownVector,
  requireRank,
  sameShape,
  takeInputs,
} from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { formatShape, refuse } from './refuse.js';

/** A rule that gives one output of the first input's dtype and costs nothing. */
const rearrange =
  (
    shapeOf: (op: string, inputs: readonly RuleInput[], attributes: Parameters<Rule['infer']>[1]) => readonly number[],
  ): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const shape = shapeOf(op, inputs, attributes);
      const [x] = inputs;
      if (x === undefined) throw new Error(`${op} without inputs`);
      return [{ dtype: x.spec.dtype, shape }];
    },
    flops: noFlops,
  });

/** One size may be -1: what is left. */
const reshape = rearrange((op, inputs) => {
  const [x, shapeInput] = takeInputs(op, inputs, 'tensor', 'shape');
  requireDtype(op, indexTypes, shapeInput);
  const wanted = knownVector(op, 'shape', shapeInput);
  const size = sizeOf(x.spec.shape);
  if (wanted.some((axis) => axis < -1))
    refuse(op, [x], `there is no shape ${formatShape(wanted)}`, 'sizes >= 0, at most one -1');
  const unknown = wanted.filter((axis) => axis === -1).length;
  if (unknown > 1) refuse(op, [x], `${formatShape(wanted)} has more than one -1`, 'at most one -1');
  // Where a 0 is wanted, TensorFlow fills -1 from the sizes other than 0: [0, 3] to [-1, 0] is [3, 0].
  const counted = wanted.includes(0)
    ? (sizes: readonly number[]) => sizeOf(sizes.filter((axis) => axis !== 0))
    : sizeOf;
  const rest = counted(wanted.filter((axis) => axis !== -1));
  const missing = Math.trunc(counted(x.spec.shape) / rest);
  const filled = wanted.map((axis) => (axis === -1 ? missing : axis));
  if (sizeOf(filled) !== size) {
    refuse(op, [x], `${size} elements do not fill ${formatShape(wanted)}`, `sizes whose product is ${size}`);
  }
  return filled;
});

const transpose = rearrange((op, inputs) => {
  const [x, permutation] = takeInputs(op, inputs, 'x', 'perm');
  const { shape } = x.spec;
  const given = knownVector(op, 'perm', permutation);
  const axes = given.map((axis) => (axis < 0 ? axis + shape.length : axis));
  if (axes.length !== shape.length || !shape.every((_size, axis) => axes.includes(axis))) {
    refuse(op, [x], `${formatShape(given)} is no order of its axes`, `each of the ${shape.length} axes once`);
  }
  return axes.map((axis) => shape[axis] ?? 0);
});

/** An axis of size 1 before axis `dim`. */
const expandDims = rearrange((op, inputs) => {
  const [x, axisInput] = takeInputs(op, inputs, 'input', 'dim');
  const { shape } = x.spec;
  const axis = resolveAxis(op, inputs, knownNumber(op, 'axis', axisInput, 'scalar or [1]'), shape.length + 1);
  return insertAxis(shape, axis, 1);
});

/** Without the named axes of size 1; without names, without all of them. */
const squeeze = rearrange((op, inputs, attributes) => {
  const [x] = takeInputs(op, inputs, 'input');
  const { shape } = x.spec;
  const named = intsOf(attributes, 'squeeze_dims', []).map((axis) => resolveAxis(op, inputs, axis, shape.length));
  const dropped = new Set(named.length === 0 ? shape.flatMap((size, axis) => (size === 1 ? [axis] : [])) : named);
  for (const axis of dropped)
    if (shape[axis] !== 1) refuse(op, inputs, `axis ${axis} has ${shape[axis] ?? 0} elements`, 'size 1');
  return shape.filter((_size, axis) => !dropped.has(axis));
});

const broadcastTo = rearrange((op, inputs) => {
  const [x, shapeInput] = takeInputs(op, inputs, 'input', 'shape');
  const wanted = knownSizes(op, 'shape', shapeInput);
  const stretched = broadcastShapes(x.spec.shape, wanted);
  if (stretched === undefined || !sameShape(stretched, wanted)) {
    refuse(
      op,
      [x],
      `does not stretch to ${formatShape(wanted)}`,
      'sizes that are equal or 1, compared from the last axis on',
    );
  }
  return wanted;
});

/** The shape that two shapes stretch to, as a tensor. */
const broadcastArgs = rearrange((op, inputs) => {
  const [a, b] = takeInputs(op, inputs, 's0', 's1');
  requireDtype(op, indexTypes, a, b);
  requireRank(op, inputs, a, 1, 's0');
  requireRank(op, inputs, b, 1, 's1');
  const [left, right] = [knownOrNot(a), knownOrNot(b)];
  if (left && right && broadcastShapes(left, right) === undefined) {
    refuse(op, inputs, `${formatShape(left)} and ${formatShape(right)} do not broadcast`, 'sizes that are equal or 1');
  }
  return [Math.max(sizeOf(a.spec.shape), sizeOf(b.spec.shape))];
});

const tile = rearrange((op, inputs) => {
  const [x, multiplesInput] = takeInputs(op, inputs, 'input', 'multiples');
  const multiples = knownSizes(op, 'multiples', multiplesInput);
  if (multiples.length !== x.spec.shape.length) {
    refuse(op, inputs, `${multiples.length} multiples`, `one for each of the ${x.spec.shape.length} axes`);
  }
  return x.spec.shape.map((size, axis) => size * (multiples[axis] ?? 1));
});

/** `[rank, 2]`: how much to add before and after each axis. */
function knownPaddings(
  op: string,
  inputs: readonly RuleInput[],
  x: RuleInput,
  paddings: RuleInput,
): readonly (readonly [number, number])[] {
  const { shape } = x.spec;
  requireDtype(op, indexTypes, paddings);
  if (!sameShape(paddings.spec.shape, [shape.length, 2]))
    refuse(op, inputs, 'paddings do not fit', `paddings of [${shape.length}, 2]`);
  const values = known(op, 'paddings', paddings);
  if (values.some((value) => value < 0))
    refuse(op, inputs, `paddings are ${values.join(', ')}`, 'no negative paddings');
  return shape.map((_size, axis) => [values[2 * axis] ?? 0, values[2 * axis + 1] ?? 0]);
}

const pad = rearrange((op, inputs) => {
  const [x, paddings] = takeInputs(op, inputs, 'input', 'paddings');
  const amounts = knownPaddings(op, inputs, x, paddings);
  return x.spec.shape.map((size, axis) => size + (amounts[axis]?.[0] ?? 0) + (amounts[axis]?.[1] ?? 0));
});

const padWith = rearrange((op, inputs) => {
  const [x, paddings, value] = takeInputs(op, inputs, 'input', 'paddings', 'constant_values');
  requireDtype(op, any, x, value);
  requireRank(op, inputs, value, 0, 'constant_values');
  const amounts = knownPaddings(op, inputs, x, paddings);
  return x.spec.shape.map((size, axis) => size + (amounts[axis]?.[0] ?? 0) + (amounts[axis]?.[1] ?? 0));
});

/** REFLECT mirrors at the middle of the edge element and needs one more than SYMMETRIC, which repeats the edge. */
const mirrorPad = rearrange((op, inputs, attributes) => {
  const [x, paddings] = takeInputs(op, inputs, 'input', 'paddings');
  const mode = stringOf(attributes, 'mode');
  return knownPaddings(op, inputs, x, paddings).map(([before, after], axis) => {
    const size = x.spec.shape[axis] ?? 0;
    const most = mode === 'REFLECT' ? size - 1 : size;
    if (before > most || after > most) {
      refuse(
        op,
        inputs,
        `axis ${axis} cannot mirror ${Math.max(before, after)} of its ${size} elements`,
        `at most ${most} for ${mode}`,
      );
    }
    return size + before + after;
  });
});

const reverse = rearrange((op, inputs) => {
  const [x, axes] = takeInputs(op, inputs, 'tensor', 'axis');
  resolveAxes(op, inputs, knownVector(op, 'axis', axes), x.spec.shape.length);
  return x.spec.shape;
});

/** Shifts along axes; how far may depend on data, for the shape stays. */
const roll = rearrange((op, inputs) => {
  const [x, shift, axis] = takeInputs(op, inputs, 'input', 'shift', 'axis');
  if (x.spec.shape.length === 0) refuse(op, inputs, 'a scalar has no axis', 'rank 1 or more');
  requireDtype(op, indexTypes, shift);
  requireDtype(op, indexTypes, axis);
  if (shift.spec.shape.length > 1 || !sameShape(shift.spec.shape, axis.spec.shape)) {
    refuse(op, inputs, 'shifts and axes differ', 'one axis for each shift');
  }
  for (const value of knownOrNot(axis) ?? []) resolveAxis(op, inputs, value, x.spec.shape.length);
  return x.spec.shape;
});

const invertPermutation = rearrange((op, inputs) => {
  const [x] = takeInputs(op, inputs, 'x');
  requireDtype(op, indexTypes, x);
  requireRank(op, inputs, x, 1, 'x');
  return x.spec.shape;
});

/** What is known of a tensor, as a tensor. */
const shapeAsTensor =
  (shapeOf: (rank: number) => readonly number[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x] = takeInputs(op, inputs, 'input');
      return [{ dtype: typeOf(attributes, 'out_type', 'int32'), shape: shapeOf(x.spec.shape.length) }];
    },
    flops: noFlops,
  });

export const shape = named({
  Reshape: reshape,
  Transpose: transpose,
  ExpandDims: expandDims,
  Squeeze: squeeze,
  BroadcastTo: broadcastTo,
  BroadcastArgs: broadcastArgs,
  Tile: tile,
  Pad: pad,
  PadV2: padWith,
  MirrorPad: mirrorPad,
  ReverseV2: reverse,
  Roll: roll,
  InvertPermutation: invertPermutation,
  Shape: shapeAsTensor((rank) => [rank]),
  Size: shapeAsTensor(() => []),
  Rank: shapeAsTensor(() => []),
});
