import { sizeOf } from '../trace.js';
import type { Spec } from '../trace.js';
import { neutral } from './reduction.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import { everyAxis, reachOf, reduceWindow, selectAndScatter, windowOf } from './window.js';
import type { Window } from './window.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/** Pools over the space of images and volumes, and their gradients. */

const maximum: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const { layout, size, stride, low, high } = windowOf(operation, x.shape, 'ksize');
  const initial = write.fill({ dtype: x.dtype, shape: [] }, neutral('maximum', x.dtype));
  return reduceWindow(write, 'maximum', x, initial, {
    size: everyAxis(layout, size, 1),
    stride: everyAxis(layout, stride, 1),
    low: everyAxis(layout, low, 0),
    high: everyAxis(layout, high, 0),
  });
};

/** x, its pool, dy: each dy goes to the place of the maximum, the first of equal ones. */
const maximumGradient: LoweringRule = (operation, write) => {
  const [x, dy] = [operation.input(0), operation.input(2)];
  if (sizeOf(dy.shape) === 0) return write.fill(operation.output, 0);
  return selectAndScatter(write, x, dy, windowOf(operation, x.shape, 'ksize'));
};

/** How many elements of x lie under the window at each position along each space axis: fewer at an edge with padding. */
function countsOf({ layout, size, stride, low }: Window, x: readonly number[], pooled: readonly number[]): number[][] {
  return layout.spaceAxes.map((axis, k) =>
    Array.from({ length: sizeAt(pooled, axis) }, (_, position) => {
      const begin = position * sizeAt(stride, k) - sizeAt(low, k);
      return Math.min(begin + sizeAt(size, k), sizeAt(x, axis)) - Math.max(begin, 0);
    }),
  );
}

/** Sums divided by how many elements are in them. */
function divideByCounts(write: Writer, sums: Value, window: Window, x: readonly number[]): Value {
  return countsOf(window, x, sums.shape).reduce((rest, counts, k) => {
    const axis = sizeAt(window.layout.spaceAxes, k);
    const vector: Spec = { dtype: rest.dtype, shape: [counts.length] };
    const elements = rest.dtype === 'float64' ? Float64Array.from(counts) : Float32Array.from(counts);
    return write.binary('divide', rest, write.broadcastInDim(write.constant(vector, elements), rest.shape, [axis]));
  }, sums);
}

/** Half floats are summed as float32. */
const widened = (write: Writer, x: Value): Value =>
  x.dtype === 'bfloat16' || x.dtype === 'float16' ? write.convert(x, 'float32') : x;

/** The mean of the elements of x under the window; padding does not count. */
const average: LoweringRule = (operation, write) => {
  const x = widened(write, operation.input(0));
  const window = windowOf(operation, x.shape, 'ksize');
  const { layout, size, stride, low, high } = window;
  const sums = reduceWindow(write, 'add', x, write.fill({ dtype: x.dtype, shape: [] }, 0), {
    size: everyAxis(layout, size, 1),
    stride: everyAxis(layout, stride, 1),
    low: everyAxis(layout, low, 0),
    high: everyAxis(layout, high, 0),
  });
  return write.convert(divideByCounts(write, sums, window, x.shape), operation.output.dtype);
};

/** Each dy is shared by the elements that it is the mean of: sums of dy ÷ count, spread by the stride, under the same window. */
const averageGradient: LoweringRule = (operation, write) => {
  const given = operation.input(1);
  const x = operation.output.shape;
  if (sizeOf(given.shape) === 0) return write.fill(operation.output, 0);
  const window = windowOf(operation, x, 'ksize');
  const { layout, size, stride } = window;
  const dy = divideByCounts(write, widened(write, given), window, x);
  const zero = write.fill({ dtype: dy.dtype, shape: [] }, 0);
  const low = reachOf(window).map((reach, k) => reach - 1 - sizeAt(window.low, k));
  const high = reachOf(window).map((reach, k) => {
    const axis = sizeAt(layout.spaceAxes, k);
    const spread = (sizeAt(dy.shape, axis) - 1) * sizeAt(stride, k) + 1;
    return sizeAt(x, axis) + reach - 1 - spread - sizeAt(low, k);
  });
  const between = everyAxis(
    layout,
    stride.map((step) => step - 1),
    0,
  );
  const spread = write.pad(dy, zero, everyAxis(layout, low, 0), everyAxis(layout, high, 0), between);
  const none = everyAxis(layout, size.map(() => 0), 0); // prettier-ignore
  const sums = reduceWindow(write, 'add', spread, zero, { size: everyAxis(layout, size, 1), low: none, high: none });
  return write.convert(sums, operation.output.dtype);
};

export const pools: LoweringRules = {
  AvgPool: average,
  AvgPool3D: average,
  AvgPool3DGrad: averageGradient,
  AvgPoolGrad: averageGradient,
  MaxPool: maximum,
  MaxPool3D: maximum,
  MaxPool3DGrad: maximumGradient,
  MaxPoolGrad: maximumGradient,
};
