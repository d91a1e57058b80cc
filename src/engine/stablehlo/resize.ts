import type { Spec } from '../trace.js';
import { gather, scatter } from './regions.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/**
 * Images [batch, height, width, channels] at another height and width. Where a pixel of the result lies in the image follows
 * from the two sizes, so places and weights are constants; they are computed in float32 as TensorFlow does.
 */

/** The place of pixel `index` of the result: index · scale, or (index + ½) · scale - ½ with half-pixel centres. */
function placeOf(operation: Operation, from: number, to: number, index: number): number {
  const corners = operation.bool('align_corners') && to > 1;
  const scale = Math.fround(corners ? (from - 1) / (to - 1) : from / to);
  if (!operation.bool('half_pixel_centers')) return Math.fround(index * scale);
  return Math.fround(Math.fround(Math.fround(index + 0.5) * scale) - 0.5);
}

/** The two pixels beside each place, and how far it is from the lower one. */
interface Between {
  readonly lower: number[];
  readonly upper: number[];
  readonly weight: number[];
}

function between(operation: Operation, from: number, to: number): Between {
  const places = Array.from({ length: to }, (_, index) => placeOf(operation, from, to, index));
  return {
    lower: places.map((place) => Math.max(Math.floor(place), 0)),
    upper: places.map((place) => Math.min(Math.ceil(place), from - 1)),
    weight: places.map((place) => Math.fround(place - Math.floor(place))),
  };
}

/** The pixel nearest to each place. */
function nearest(operation: Operation, from: number, to: number): number[] {
  return Array.from({ length: to }, (_, index) => {
    const corners = operation.bool('align_corners') && to > 1;
    const scale = Math.fround(corners ? (from - 1) / (to - 1) : from / to);
    const centre = operation.bool('half_pixel_centers') ? 0.5 : 0;
    const place = Math.fround(Math.fround(index + centre) * scale);
    // halves away from 0, as C's roundf
    return Math.max(
      Math.min(operation.bool('align_corners') ? Math.floor(place + 0.5) : Math.floor(place), from - 1),
      0,
    );
  });
}

const places = (write: Writer, indices: readonly number[]): Value =>
  write.constant({ dtype: 'int32', shape: [indices.length] }, Int32Array.from(indices));

/** The slices of an axis at these places. */
function take(write: Writer, x: Value, axis: number, indices: readonly number[]): Value {
  const others = x.shape.map((_, k) => k).filter((k) => k !== axis);
  const result: Spec = { dtype: x.dtype, shape: x.shape.map((size, k) => (k === axis ? indices.length : size)) };
  const axes = {
    offsetDims: others,
    collapsedSliceDims: [axis],
    startIndexMap: [axis],
    indexVectorDim: 1,
    sliceSizes: x.shape.map((size, k) => (k === axis ? 1 : size)),
  };
  return gather(write, x, places(write, indices), axes, result);
}

/** Zeros of `size` along the axis, with the slices of x added at these places. */
function put(write: Writer, x: Value, axis: number, indices: readonly number[], size: number): Value {
  const zeros = write.fill({ dtype: x.dtype, shape: x.shape.map((n, k) => (k === axis ? size : n)) }, 0);
  return scatter(write, 'add', zeros, places(write, indices), x, {
    updateWindowDims: x.shape.map((_, k) => k).filter((k) => k !== axis),
    insertedWindowDims: [axis],
    scatterDimsToOperandDims: [axis],
    indexVectorDim: 1,
  });
}

const alongAxis = (write: Writer, weights: readonly number[], like: Spec, axis: number): Value =>
  write.broadcastInDim(
    write.constant({ dtype: 'float32', shape: [weights.length] }, Float32Array.from(weights)),
    like.shape,
    [axis],
  );

/** low + (high - low) · weight along the width, then along the height. */
const bilinear: LoweringRule = (operation, write) => {
  const images = write.convert(operation.input(0), 'float32');
  return [2, 1].reduce((x, axis) => {
    const { lower, upper, weight } = between(operation, sizeAt(x.shape, axis), sizeAt(operation.output.shape, axis));
    const low = take(write, x, axis, lower);
    const difference = write.binary('subtract', take(write, x, axis, upper), low);
    return write.binary('add', low, write.binary('multiply', difference, alongAxis(write, weight, low, axis)));
  }, images);
};

/** dy, the image before: each dy is shared by the pixels it was made of, by their weights. */
const bilinearGradient: LoweringRule = (operation, write) => {
  const dx = [1, 2].reduce((dy, axis) => {
    const size = sizeAt(operation.output.shape, axis);
    const { lower, upper, weight } = between(operation, size, sizeAt(dy.shape, axis));
    const high = write.binary('multiply', dy, alongAxis(write, weight, dy, axis));
    const lowWeight = weight.map((value) => Math.fround(1 - value));
    const low = write.binary('multiply', dy, alongAxis(write, lowWeight, dy, axis));
    return write.binary('add', put(write, low, axis, lower, size), put(write, high, axis, upper, size));
  }, operation.input(0));
  return write.convert(dx, operation.output.dtype);
};

const nearestNeighbour: LoweringRule = (operation, write) =>
  [1, 2].reduce(
    (x, axis) => take(write, x, axis, nearest(operation, sizeAt(x.shape, axis), sizeAt(operation.output.shape, axis))),
    operation.input(0),
  );

/** dy, the size before: each dy goes to the pixel it was taken from. */
const nearestNeighbourGradient: LoweringRule = (operation, write) =>
  [1, 2].reduce((dy, axis) => {
    const size = sizeAt(operation.output.shape, axis);
    return put(write, dy, axis, nearest(operation, size, sizeAt(dy.shape, axis)), size);
  }, operation.input(0));

export const resizing: LoweringRules = {
  ResizeBilinear: bilinear,
  ResizeBilinearGrad: bilinearGradient,
  ResizeNearestNeighbor: nearestNeighbour,
  ResizeNearestNeighborGrad: nearestNeighbourGradient,
};
