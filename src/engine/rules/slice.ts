/**
 * Ops that cut a window out of a tensor. Where the window starts may depend on data as long as its size does not: a slice at a
 * position that was computed (a KV cache) can be traced.
 */
import type { Attributes, RuleInput } from '../trace.js';
import { intOf } from './attributes.js';
import { indexTypes, requireDtype } from './dtypes.js';
import { noFlops } from './flops.js';
import { knownOrNot, knownVector, requireRank, sameShape, takeInputs } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { formatShape, refuse, refuseDataDependentShape } from './refuse.js';

/** `size` elements of each axis from `begin` on; a size of -1 goes to the end. */
const slice: RuleMaker = (op) => ({
  infer(inputs) {
    const [x, beginInput, sizeInput] = takeInputs(op, inputs, 'input', 'begin', 'size');
    const { dtype, shape } = x.spec;
    requireDtype(op, indexTypes, beginInput, sizeInput);
    for (const input of [beginInput, sizeInput]) {
      if (!sameShape(input.spec.shape, [shape.length]))
        refuse(op, inputs, 'begin and size do not fit', `vectors of ${shape.length}`);
    }
    const sizes = knownVector(op, 'size', sizeInput);
    const begin = sizes.includes(-1) ? knownVector(op, 'begin', beginInput) : knownOrNot(beginInput);
    const cut = sizes.map((size, axis) => (size === -1 ? (shape[axis] ?? 0) - (begin?.[axis] ?? 0) : size));
    const fits = cut.every((size, axis) => {
      const start = begin?.[axis] ?? 0;
      return start >= 0 && size >= 0 && start + size <= (shape[axis] ?? 0);
    });
    if (!fits)
      refuse(
        op,
        [x],
        `${formatShape(sizes)} elements from ${begin ? formatShape(begin) : 'a computed position'} are not all in it`,
      );
    return [{ dtype, shape: cut }];
  },
  flops: noFlops,
});

/** What a StridedSlice takes of one axis. */
type Part =
  { readonly kind: 'whole' } | { readonly kind: 'new' } | { readonly kind: 'one' | 'range'; readonly index: number };

/** Which part of the specification falls on which axis: the ellipsis takes in the axes that nobody names. */
function partsOf(
  op: string,
  inputs: readonly RuleInput[],
  attributes: Attributes,
  numParts: number,
  rank: number,
): readonly Part[] {
  const has = (mask: string, index: number): boolean => (intOf(attributes, mask, 0) & (1 << index)) !== 0;
  const indices = Array.from({ length: numParts }, (_part, index) => index);
  const ellipses = indices.filter((index) => has('ellipsis_mask', index));
  if (ellipses.length > 1) refuse(op, inputs, 'more than one ellipsis', 'at most one');
  const numNamed = indices.filter((index) => !has('ellipsis_mask', index) && !has('new_axis_mask', index)).length;
  if (numNamed > rank) refuse(op, inputs, `${numNamed} indices`, `at most ${rank}, one for each axis`);
  const rest = Array.from({ length: rank - numNamed }, (): Part => ({ kind: 'whole' }));
  const parts = indices.flatMap((index): readonly Part[] => {
    if (has('ellipsis_mask', index)) return rest;
    if (has('new_axis_mask', index)) return [{ kind: 'new' }];
    return [{ kind: has('shrink_axis_mask', index) ? 'one' : 'range', index }];
  });
  return ellipses.length === 0 ? [...parts, ...rest] : parts;
}

/** How many elements x[begin:end:stride] has, by Python's rules: positions count from the end where negative, and are clamped. */
function rangeSize(size: number, stride: number, begin: number | undefined, end: number | undefined): number {
  const [low, high] = stride > 0 ? [0, size] : [-1, size - 1];
  const clamp = (position: number): number => Math.min(Math.max(position < 0 ? position + size : position, low), high);
  const start = begin === undefined ? (stride > 0 ? low : high) : clamp(begin);
  const stop = end === undefined ? (stride > 0 ? high : low) : clamp(end);
  return Math.max(0, Math.ceil((stop - start) / stride));
}

/** The shape of x[begin:end:strides] with TensorFlow's five masks. */
function stridedShape(
  op: string,
  inputs: readonly RuleInput[],
  shape: readonly number[],
  [beginInput, endInput, stridesInput]: readonly [RuleInput, RuleInput, RuleInput],
  attributes: Attributes,
): readonly number[] {
  requireDtype(op, ['int16', ...indexTypes], beginInput, endInput, stridesInput);
  requireRank(op, inputs, beginInput, 1, 'begin');
  if (![endInput, stridesInput].every(({ spec }) => sameShape(spec.shape, beginInput.spec.shape))) {
    refuse(op, inputs, 'begin, end and strides differ in length', 'vectors of one length');
  }
  const strides = knownVector(op, 'strides', stridesInput);
  const [begin, end] = [knownOrNot(beginInput), knownOrNot(endInput)];
  const masked = (mask: string, index: number): boolean => (intOf(attributes, mask, 0) & (1 << index)) !== 0;
  const bound = (name: string, values: readonly number[] | undefined, index: number): number | undefined => {
    if (masked(`${name}_mask`, index)) return undefined;
    return (
      values?.[index] ??
      refuseDataDependentShape(op, `\`${name}\``, 'use tf.slice with a fixed size for a window at a computed position')
    );
  };
  const result: number[] = [];
  let axis = 0;
  for (const part of partsOf(op, inputs, attributes, strides.length, shape.length)) {
    if (part.kind === 'new') {
      result.push(1);
      continue;
    }
    const size = shape[axis++] ?? 0;
    if (part.kind === 'whole') {
      result.push(size);
      continue;
    }
    const stride = strides[part.index] ?? 1;
    if (stride === 0) refuse(op, inputs, 'a stride is 0', 'strides other than 0');
    if (part.kind === 'range') {
      result.push(rangeSize(size, stride, bound('begin', begin, part.index), bound('end', end, part.index)));
      continue;
    }
    if (stride < 0) refuse(op, inputs, 'a negative stride where one element is taken', 'a stride of 1');
    // Where one element is taken, TensorFlow does not look at the mask of begin.
    const position = begin?.[part.index];
    if (position !== undefined && (position < -size || position >= size)) {
      refuse(op, inputs, `there is no element ${position} on axis ${axis - 1}`, `${-size} <= index < ${size}`);
    }
  }
  return result;
}

const stridedSlice: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x, begin, end, strides] = takeInputs(op, inputs, 'input', 'begin', 'end', 'strides');
    const { dtype, shape } = x.spec;
    return [{ dtype, shape: stridedShape(op, inputs, shape, [begin, end, strides], attributes) }];
  },
  flops: noFlops,
});

/** Its gradient: dy at the places it was cut from, zeros elsewhere; `shape` is that of the tensor it was cut from. */
const stridedSliceGrad: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [shapeInput, begin, end, strides, gradient] = takeInputs(
      op,
      inputs,
      'shape',
      'begin',
      'end',
      'strides',
      'dy',
    );
    const shape = knownVector(op, 'shape', shapeInput);
    const cut = stridedShape(op, inputs, shape, [begin, end, strides], attributes);
    if (!sameShape(cut, gradient.spec.shape))
      refuse(op, [gradient], `the slice of ${formatShape(shape)} has another shape`, formatShape(cut));
    return [{ dtype: gradient.spec.dtype, shape }];
  },
  flops: noFlops,
});

export const slices = named({ Slice: slice, StridedSlice: stridedSlice, StridedSliceGrad: stridedSliceGrad });
