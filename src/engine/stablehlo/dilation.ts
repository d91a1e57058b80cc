import { sizeOf } from '../trace.js';
import { neutral } from './reduction.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { everyAxis, windowOf } from './window.js';
import type { Window } from './window.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/**
 * Grey dilation: max over the window of x + filter, a channel at a time; the filter is [height, width, channels]. StableHLO has
 * no window with weights like this: the window is written out, a slice of x for each of its places.
 */

/** A place of the window: x at it for all positions, plus the filter there. */
interface Tap {
  readonly place: readonly [number, number];
  readonly sum: Value;
}

function tapsOf(
  operation: Operation,
  write: Writer,
): { readonly taps: Tap[]; readonly window: Window; readonly shape: number[] } {
  const [x, filter] = [operation.input(0), operation.input(1)];
  const window = windowOf(operation, x.shape, filter.shape.slice(0, 2), { strides: 'strides', dilations: 'rates' });
  const { layout, size, stride, dilation, low, high } = window;
  const lowest = write.fill({ dtype: x.dtype, shape: [] }, neutral('maximum', x.dtype));
  const padded = write.pad(x, lowest, everyAxis(layout, low, 0), everyAxis(layout, high, 0));
  const count = (k: number): number => {
    const reach = (sizeAt(size, k) - 1) * sizeAt(dilation, k) + 1;
    return Math.floor((sizeAt(padded.shape, k + 1) - reach) / sizeAt(stride, k)) + 1;
  };
  const shape = [sizeAt(x.shape, 0), count(0), count(1), sizeAt(x.shape, 3)];
  const places = Array.from({ length: sizeAt(size, 0) }, (_, row) =>
    Array.from({ length: sizeAt(size, 1) }, (_, column): [number, number] => [row, column]),
  ).flat();
  const taps = places.map((place): Tap => {
    const start = [0, ...place.map((at, k) => at * sizeAt(dilation, k)), 0];
    const limit = start.map((from, axis) =>
      axis === 0 || axis === 3 ? sizeAt(shape, axis) : from + (sizeAt(shape, axis) - 1) * sizeAt(stride, axis - 1) + 1,
    );
    const part = write.slice(padded, start, limit, everyAxis(layout, stride, 1));
    const weight = write.slice(filter, [...place, 0], [place[0] + 1, place[1] + 1, sizeAt(filter.shape, 2)]);
    const weights = write.broadcastInDim(write.reshape(weight, filter.shape.slice(2)), shape, [3]);
    return { place, sum: write.binary('add', part, weights) };
  });
  return { taps, window, shape };
}

const largestOf = (write: Writer, taps: readonly Tap[]): Value =>
  taps.map(({ sum }) => sum).reduce((a, b) => write.binary('maximum', a, b));

const dilate: LoweringRule = (operation, write) => largestOf(write, tapsOf(operation, write).taps);

/** dy where a place has the maximum, else 0; of equal places the first has it. */
function shares(write: Writer, taps: readonly Tap[], dy: Value): Value[] {
  const largest = largestOf(write, taps);
  const zero = write.fill(dy, 0);
  let free = write.fill({ dtype: 'bool', shape: dy.shape }, true);
  return taps.map(({ sum }) => {
    const mine = write.binary('and', write.compare('EQ', sum, largest), free);
    free = write.binary('and', free, write.unary('not', mine));
    return write.select(mine, dy, zero);
  });
}

/** dx: the share of each place, put back to where its slice was taken. */
const inputGradient: LoweringRule = (operation, write) => {
  const dy = operation.input(2);
  const x = operation.output;
  if (sizeOf(dy.shape) === 0) return write.fill(x, 0);
  const { taps, window } = tapsOf(operation, write);
  const { layout, stride, dilation, low } = window;
  const zero = write.fill({ dtype: dy.dtype, shape: [] }, 0);
  const between = everyAxis(layout, stride.map((step) => step - 1), 0); // prettier-ignore
  return shares(write, taps, dy)
    .map((share, index) => {
      const place = taps[index]?.place ?? [0, 0];
      const before = everyAxis(layout, place.map((at, k) => at * sizeAt(dilation, k) - sizeAt(low, k)), 0); // prettier-ignore
      const after = x.shape.map((size, axis) => {
        const spread = (sizeAt(dy.shape, axis) - 1) * (sizeAt(between, axis) + 1) + 1;
        return size - spread - sizeAt(before, axis);
      });
      return write.pad(share, zero, before, after, between);
    })
    .reduce((a, b) => write.binary('add', a, b));
};

/** dw: the sum of the share of each place. */
const filterGradient: LoweringRule = (operation, write) => {
  const dy = operation.input(2);
  const { shape } = operation.output;
  const { taps } = tapsOf(operation, write);
  const zero = write.fill({ dtype: dy.dtype, shape: [] }, 0);
  const sums = shares(write, taps, dy).map((share) =>
    write.reshape(write.reduce('add', share, zero, [0, 1, 2]), [1, sizeAt(shape, 2)]),
  );
  return write.reshape(write.concatenate(sums, 0), shape);
};

export const dilations: LoweringRules = {
  Dilation2D: dilate,
  Dilation2DBackpropFilter: filterGradient,
  Dilation2DBackpropInput: inputGradient,
};
