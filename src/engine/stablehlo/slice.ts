import { dynamicSlice } from './regions.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { sizeAt } from './writer.js';

/** Parts of a tensor by position. */

/** `size` elements from `begin` on along each axis; a begin that the trace computes is moved inwards at the edge. */
const slice: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const { shape } = operation.output;
  if (operation.isConstant(1)) {
    const begin = operation.numbers(1, 'the begin');
    return write.slice(
      x,
      begin,
      begin.map((start, axis) => start + sizeAt(shape, axis)),
    );
  }
  const begin = operation.input(1);
  const starts = x.shape.map((_, axis) => write.reshape(write.slice(begin, [axis], [axis + 1]), []));
  return dynamicSlice(write, x, starts, shape);
};

/** What is taken of one axis of x: `x[begin:end:stride]`, or one element whose axis goes. */
interface AxisRange {
  readonly begin: number;
  readonly end: number;
  readonly stride: number;
}

/**
 * x[begin:end:stride] in NumPy's notation, whose parts come as bit masks over the entries: an entry's begin or end left out
 * (`:3`), `...`, a new axis (None), a single index.
 */
const stridedSlice: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const { backwards, forward } = cutsOf(operation, x.shape);
  const taken = write.slice(
    write.reverse(x, backwards),
    forward.map(({ begin }) => begin),
    forward.map(({ end }) => end),
    forward.map(({ stride }) => stride),
  );
  return write.reshape(taken, operation.output.shape); // axes that are new or gone
};

/** Shape, begin, end, strides, dy: dy where it was taken from, zeros elsewhere. */
const stridedSliceGradient: LoweringRule = (operation, write) => {
  const dy = operation.input(4);
  const { shape } = operation.output;
  const { backwards, forward } = cutsOf(operation, shape);
  const counts = forward.map(({ begin, end, stride }) => Math.ceil((end - begin) / stride));
  const spread = forward.map(({ stride }, axis) => {
    const count = sizeAt(counts, axis);
    return count === 0 ? 0 : (count - 1) * stride + 1;
  });
  const placed = write.pad(
    write.reshape(dy, counts),
    write.fill({ dtype: dy.dtype, shape: [] }, 0),
    forward.map(({ begin }) => begin),
    forward.map(({ begin }, axis) => sizeAt(shape, axis) - begin - sizeAt(spread, axis)),
    forward.map(({ stride }) => stride - 1),
  );
  return write.reverse(placed, backwards);
};

/** The ranges with axes that go backwards turned around: counted from the other end, they go forwards. */
function cutsOf(
  operation: Operation,
  shape: readonly number[],
): { readonly backwards: number[]; readonly forward: AxisRange[] } {
  const ranges = axisRanges(operation, shape);
  const forward = ranges.map(({ begin, end, stride }, axis): AxisRange => {
    const last = sizeAt(shape, axis) - 1;
    const range = stride < 0 ? { begin: last - begin, end: last - end, stride: -stride } : { begin, end, stride };
    return { ...range, end: Math.max(range.begin, range.end) };
  });
  return { backwards: ranges.flatMap(({ stride }, axis) => (stride < 0 ? [axis] : [])), forward };
}

function axisRanges(operation: Operation, shape: readonly number[]): AxisRange[] {
  const begins = operation.numbers(1, 'the begin');
  const ends = operation.numbers(2, 'the end');
  const strides = operation.numbers(3, 'the strides');
  const masked = (name: string) => {
    const mask = operation.int(name, 0);
    return (entry: number): boolean => (mask & (1 << entry)) !== 0;
  };
  const [beginMask, endMask] = [masked('begin_mask'), masked('end_mask')];
  const [ellipsis, newAxis, shrink] = [masked('ellipsis_mask'), masked('new_axis_mask'), masked('shrink_axis_mask')];
  const numNamed = begins.filter((_, entry) => !ellipsis(entry) && !newAxis(entry)).length;
  const whole = (size: number): AxisRange => ({ begin: 0, end: size, stride: 1 });
  const ranges: AxisRange[] = [];
  begins.forEach((begin, entry) => {
    if (ellipsis(entry)) {
      const count = shape.length - numNamed;
      ranges.push(...shape.slice(ranges.length, ranges.length + count).map(whole));
      return;
    }
    if (newAxis(entry)) return;
    const size = sizeAt(shape, ranges.length);
    const stride = sizeAt(strides, entry);
    const fromEnd = (index: number): number => (index < 0 ? index + size : index);
    if (shrink(entry)) {
      ranges.push({ begin: fromEnd(begin), end: fromEnd(begin) + 1, stride: 1 });
      return;
    }
    const [lowest, highest] = stride > 0 ? [0, size] : [-1, size - 1];
    const clamp = (index: number): number => Math.min(Math.max(fromEnd(index), lowest), highest);
    ranges.push({
      begin: beginMask(entry) ? (stride > 0 ? lowest : highest) : clamp(begin),
      end: endMask(entry) ? (stride > 0 ? highest : lowest) : clamp(sizeAt(ends, entry)),
      stride,
    });
  });
  ranges.push(...shape.slice(ranges.length).map(whole));
  return ranges;
}

export const slices: LoweringRules = {
  Slice: slice,
  StridedSlice: stridedSlice,
  StridedSliceGrad: stridedSliceGradient,
};
