import { sizeOf } from '../trace.js';
import type { Spec } from '../trace.js';
import { neutral } from './reduction.js';
import { gather, scatter } from './regions.js';
import { isFloating } from './rule.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import { sizeAt } from './writer.js';
import type { Reducer, Value, Writer } from './writer.js';

/** Reading and writing at places that a tensor holds. */

const indicesUpTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

/**
 * Slices of an axis at `indices`: params[..., indices[...], ...], where the first `batch_dims` axes of both go together.
 * An index outside the axis is moved to its nearest end (TensorFlow refuses on a CPU at run time, and gives zeros on a GPU).
 */
const gatherV2: LoweringRule = (operation, write) => {
  const [params, indices] = [operation.input(0), operation.input(1)];
  const axis = operation.axis(2, params.shape.length);
  const signedBatch = operation.int('batch_dims', 0);
  const batch = signedBatch < 0 ? signedBatch + indices.shape.length : signedBatch;
  const behind = axis + indices.shape.length - batch;
  const batchAxes = indicesUpTo(batch);
  return gather(
    write,
    params,
    indices,
    {
      offsetDims: [...indicesUpTo(axis - batch, batch), ...indicesUpTo(params.shape.length - axis - 1, behind)],
      collapsedSliceDims: [axis],
      operandBatchingDims: batchAxes,
      startIndicesBatchingDims: batchAxes,
      startIndexMap: [axis],
      indexVectorDim: indices.shape.length,
      sliceSizes: params.shape.map((size, k) => (k < batch || k === axis ? 1 : size)),
    },
    operation.output,
  );
};

/** params[indices[..., 0], indices[..., 1], …]. */
const gatherNd: LoweringRule = (operation, write) => {
  const [params, indices] = [operation.input(0), operation.input(1)];
  const numBatch = indices.shape.length - 1;
  const depth = sizeAt(indices.shape, numBatch);
  return gather(
    write,
    params,
    indices,
    {
      offsetDims: indicesUpTo(params.shape.length - depth, numBatch),
      collapsedSliceDims: indicesUpTo(depth),
      startIndexMap: indicesUpTo(depth),
      indexVectorDim: numBatch,
      sliceSizes: params.shape.map((size, axis) => (axis < depth ? 1 : size)),
    },
    operation.output,
  );
};

/**
 * Rows of the data folded into the segments that `ids` name; a segment without rows gets `start`. An id that is negative
 * or too large is left out.
 */
const segment =
  (reducer: Reducer): LoweringRule =>
  (operation, write) => {
    const [data, ids] = [operation.input(0), operation.input(1)];
    const rank = ids.shape.length;
    const start = neutral(reducer, data.dtype);
    // where TensorFlow starts a maximum from the lowest finite number, StableHLO's constant does too
    const finite = isFloating(data.dtype) && (start === Infinity || start === -Infinity);
    const lowest = data.dtype === 'float16' ? 65504 : data.dtype === 'float64' ? Number.MAX_VALUE : largestFloat32;
    const initial = write.fill(operation.output, finite ? Math.sign(start) * lowest : start);
    return scatter(write, reducer, initial, ids, data, {
      updateWindowDims: indicesUpTo(data.shape.length - rank, rank),
      insertedWindowDims: [0],
      scatterDimsToOperandDims: [0],
      indexVectorDim: rank,
    });
  };

const largestFloat32 = 3.4028234663852886e38;

function scatterNdInto(write: Writer, reducer: Reducer | 'replace', x: Value, indices: Value, updates: Value): Value {
  const numBatch = indices.shape.length - 1;
  const depth = sizeAt(indices.shape, numBatch);
  return scatter(write, reducer, x, indices, updates, {
    updateWindowDims: indicesUpTo(x.shape.length - depth, numBatch),
    insertedWindowDims: indicesUpTo(depth),
    scatterDimsToOperandDims: indicesUpTo(depth),
    indexVectorDim: numBatch,
  });
}

/** A tensor, indices, updates. */
const tensorScatter =
  (reducer: Reducer | 'replace'): LoweringRule =>
  (operation, write) =>
    scatterNdInto(write, reducer, operation.input(0), operation.input(1), operation.input(2));

/** The updates are taken from what is there. */
const tensorScatterSub: LoweringRule = (operation, write) =>
  scatterNdInto(write, 'add', operation.input(0), operation.input(1), write.unary('negate', operation.input(2)));

/** Places (one, a vector of them, or rows of coordinates), the shape, values (or one for all), and what stands elsewhere. */
const sparseToDense: LoweringRule = (operation, write) => {
  const [places, values] = [operation.input(0), operation.input(2)];
  const { shape } = operation.output;
  const [count = 1] = places.shape;
  const indices = write.reshape(places, [count, shape.length]);
  const background = write.broadcast(operation.input(3), shape);
  return scatterNdInto(write, 'replace', background, indices, write.broadcast(values, [count]));
};

/** How often each number below the size occurs, or the sum of their weights; larger numbers are left out. */
const binCount: LoweringRule = (operation, write) => {
  const [values, weights] = [operation.input(0), operation.input(2)];
  const size = sizeOf(values.shape);
  const places = write.reshape(values, [size, 1]);
  const ones = sizeOf(weights.shape) === 0;
  const updates = ones ? write.fill({ dtype: weights.dtype, shape: [size] }, 1) : write.reshape(weights, [size]);
  return scatterNdInto(write, 'add', write.fill(operation.output, 0), places, updates);
};

/** y[x[i]] = i. */
const invertPermutation: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const zeros = write.fill(operation.output, 0);
  const places = write.reshape(x, [...x.shape, 1]);
  return scatterNdInto(write, 'replace', zeros, places, write.iota(operation.output, 0));
};

/** Indices, updates and a shape: updates at one place are added to zeros. */
const scatterNd: LoweringRule = (operation, write) =>
  scatterNdInto(write, 'add', write.fill(operation.output, 0), operation.input(0), operation.input(1));

/** `on` at the index, `off` elsewhere, along a new axis; an index outside it gives `off` only. */
const oneHot: LoweringRule = (operation, write) => {
  const indices = operation.input(0);
  const { shape } = operation.output;
  const signed = operation.int('axis', -1);
  const axis = signed < 0 ? signed + shape.length : signed;
  const places: Spec = { dtype: indices.dtype, shape };
  const others = indicesUpTo(shape.length).filter((k) => k !== axis);
  const hot = write.compare('EQ', write.broadcastInDim(indices, shape, others), write.iota(places, axis));
  return write.select(hot, write.broadcast(operation.input(2), shape), write.broadcast(operation.input(3), shape));
};

export const gathers: LoweringRules = {
  Bincount: binCount,
  GatherNd: gatherNd,
  GatherV2: gatherV2,
  InvertPermutation: invertPermutation,
  OneHot: oneHot,
  ScatterNd: scatterNd,
  SparseToDense: sparseToDense,
  TensorScatterAdd: tensorScatter('add'),
  TensorScatterMax: tensorScatter('maximum'),
  TensorScatterMin: tensorScatter('minimum'),
  TensorScatterSub: tensorScatterSub,
  TensorScatterUpdate: tensorScatter('replace'),
  UnsortedSegmentMax: segment('maximum'),
  UnsortedSegmentMin: segment('minimum'),
  UnsortedSegmentProd: segment('multiply'),
  UnsortedSegmentSum: segment('add'),
};
