/** Ops that read and write at given places: lookups, scatters, sums by segment. Only the sums count. */
import type { Attributes, RuleInput } from '../trace.js';
import { sizeOf } from '../trace.js';
import { intOf } from './attributes.js';
import { insertAxis, resolveAxis } from './axis.js';
import { any, gatherIndexTypes, indexTypes, numbers, reals, requireDtype } from './dtypes.js';
import { noFlops, perInputElement } from './flops.js';
import { knownNumber, knownSizes, requireRank, requireRankAtLeast, sameShape, sizeAt, takeInputs } from './inputs.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { formatShape, refuse } from './refuse.js';

/** params[:axis] + indices[batch_dims:] + params[axis + 1:]: the embedding lookup. */
const gather: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [params, indices, axisInput] = takeInputs(op, inputs, 'params', 'indices', 'axis');
    requireDtype(op, gatherIndexTypes, indices);
    const { dtype, shape } = params.spec;
    requireRankAtLeast(op, inputs, params, 1, 'params');
    const axis = resolveAxis(op, inputs, knownNumber(op, 'axis', axisInput, 'scalar or [1]'), shape.length);
    const numIndexAxes = indices.spec.shape.length;
    const batchDims = intOf(attributes, 'batch_dims', 0);
    const numBatch = batchDims < 0 ? batchDims + numIndexAxes : batchDims;
    if (numBatch < 0 || numBatch > numIndexAxes || numBatch > axis) {
      refuse(
        op,
        [params, indices],
        `batch_dims is ${batchDims}`,
        `at most the axis (${axis}) and the rank of the indices (${numIndexAxes})`,
      );
    }
    if (!sameShape(shape.slice(0, numBatch), indices.spec.shape.slice(0, numBatch))) {
      refuse(op, [params, indices], `the first ${numBatch} sizes differ`, 'equal sizes on the batch axes');
    }
    return [
      { dtype, shape: [...shape.slice(0, axis), ...indices.spec.shape.slice(numBatch), ...shape.slice(axis + 1)] },
    ];
  },
  flops: noFlops,
});

/** The last axis of the indices names a place: indices [n, 2] in params [4, 5, 6] → [n, 6]. */
const gatherNd: RuleMaker = (op) => ({
  infer(inputs) {
    const [params, indices] = takeInputs(op, inputs, 'params', 'indices');
    requireDtype(op, gatherIndexTypes, indices);
    requireRankAtLeast(op, inputs, params, 1, 'params');
    const { dtype, shape } = params.spec;
    return [{ dtype, shape: placesOf(op, inputs, indices, shape) }];
  },
  flops: noFlops,
});

/** The shape of the values at the places: indices[:-1] + shape[depth:]. */
function placesOf(
  op: string,
  inputs: readonly RuleInput[],
  indices: RuleInput,
  shape: readonly number[],
): readonly number[] {
  requireRankAtLeast(op, inputs, indices, 1, 'indices');
  const depth = sizeAt(indices.spec, -1);
  if (depth > shape.length) {
    refuse(
      op,
      inputs,
      `indices have ${depth} coordinates for ${shape.length} axes`,
      `a last axis of at most ${shape.length}`,
    );
  }
  return [...indices.spec.shape.slice(0, -1), ...shape.slice(depth)];
}

/** Refuses updates that do not have the shape of the places they go to; one place alone is indices [1, depth]. */
function requireUpdates(
  op: string,
  inputs: readonly RuleInput[],
  indices: RuleInput,
  updates: RuleInput,
  shape: readonly number[],
): void {
  requireRankAtLeast(op, inputs, indices, 2, 'indices');
  const places = placesOf(op, inputs, indices, shape);
  if (!sameShape(updates.spec.shape, places))
    refuse(op, inputs, 'updates do not fit their places', `updates of ${formatShape(places)}`);
}

/** Zeros of a given shape, with the updates added at their places. */
const scatterNd: RuleMaker = (op) => ({
  infer(inputs) {
    const [indices, updates, shapeInput] = takeInputs(op, inputs, 'indices', 'updates', 'shape');
    requireDtype(op, gatherIndexTypes, indices, shapeInput);
    const shape = knownSizes(op, 'shape', shapeInput);
    if (shape.length === 0) refuse(op, inputs, 'a scalar has no places', 'a shape of rank 1 or more');
    requireUpdates(op, inputs, indices, updates, shape);
    if (indices.spec.shape.at(-1) === 0) refuse(op, inputs, 'indices of no axes', 'at least one number an index');
    if (sizeOf(shape) === 0 && (sizeOf(indices.spec.shape) > 0 || sizeOf(updates.spec.shape) > 0)) {
      refuse(op, inputs, `${formatShape(shape)} has no places`, 'no indices and no updates for an empty output');
    }
    return [{ dtype: updates.spec.dtype, shape }];
  },
  flops: noFlops,
});

/** A copy of a tensor with updates at their places. */
const tensorScatter: RuleMaker = (op) => ({
  infer(inputs) {
    const [tensor, indices, updates] = takeInputs(op, inputs, 'tensor', 'indices', 'updates');
    requireDtype(op, [...gatherIndexTypes, 'uint16'], indices);
    const dtype = requireDtype(op, any, tensor, updates);
    requireRankAtLeast(op, inputs, tensor, 1, 'tensor');
    requireUpdates(op, inputs, indices, updates, tensor.spec.shape);
    return [{ dtype, shape: tensor.spec.shape }];
  },
  flops: noFlops,
});

/** The same, but the updates are combined with what is there. */
const tensorScatterCombine: RuleMaker = (op) => ({
  ...tensorScatter(op),
  flops: (inputs) => sizeOf(inputs[2]?.shape ?? [0]),
});

/** Rows folded by the number of their segment: [num_segments] + data[rank of the segment ids:]. The gradient of a lookup. */
const unsortedSegment =
  (dtypes: typeof numbers): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [data, segments, countInput] = takeInputs(op, inputs, 'data', 'segment_ids', 'num_segments');
      const dtype = requireDtype(op, dtypes, data);
      requireDtype(op, gatherIndexTypes, segments);
      const { shape } = data.spec;
      const count = knownNumber(op, 'num_segments', countInput);
      if (count < 0) refuse(op, inputs, `num_segments is ${count}`, 'num_segments >= 0');
      const depth = segments.spec.shape.length;
      if (!sameShape(segments.spec.shape, shape.slice(0, depth))) {
        refuse(
          op,
          [data, segments],
          'the segment ids are not on the first axes of the data',
          'the first sizes of the data',
        );
      }
      return [{ dtype, shape: [count, ...shape.slice(depth)] }];
    },
    flops: perInputElement(1),
  });

/** A new axis of `depth` elements, on where the index says. */
const oneHot: RuleMaker = (op) => ({
  infer(inputs, attributes: Attributes) {
    const [indices, depthInput, on, off] = takeInputs(op, inputs, 'indices', 'depth', 'on_value', 'off_value');
    requireDtype(op, ['uint8', 'int8', ...indexTypes], indices);
    const dtype = requireDtype(op, any, on, off);
    requireRank(op, inputs, on, 0, 'on_value');
    requireRank(op, inputs, off, 0, 'off_value');
    const depth = knownNumber(op, 'depth', depthInput);
    if (depth < 0) refuse(op, inputs, `depth is ${depth}`, 'depth >= 0');
    const { shape } = indices.spec;
    const axis = intOf(attributes, 'axis', -1);
    // Of the negative axes only -1 is taken.
    if (axis < -1 || axis > shape.length)
      refuse(op, [indices], `there is no axis ${axis}`, `-1 <= axis <= ${shape.length}`);
    return [{ dtype, shape: insertAxis(shape, axis === -1 ? shape.length : axis, depth) }];
  },
  flops: noFlops,
});

/** Values at places, a default elsewhere; indices [n, rank], [n] for a vector, or one number. */
const sparseToDense: RuleMaker = (op) => ({
  infer(inputs) {
    const [indices, shapeInput, values, otherwise] = takeInputs(
      op,
      inputs,
      'sparse_indices',
      'output_shape',
      'sparse_values',
      'default_value',
    );
    requireDtype(op, indexTypes, indices, shapeInput);
    const dtype = requireDtype(op, any, values, otherwise);
    const shape = knownSizes(op, 'output_shape', shapeInput);
    requireRank(op, inputs, otherwise, 0, 'default_value');
    const [count = 1, depth = 1] = indices.spec.shape;
    const fitsCount = values.spec.shape.length === 0 || sameShape(values.spec.shape, [count]);
    if (indices.spec.shape.length > 2 || depth !== shape.length || !fitsCount) {
      refuse(
        op,
        inputs,
        `indices and values do not fit ${formatShape(shape)}`,
        `indices [n, ${shape.length}], values [n] or one value`,
      );
    }
    return [{ dtype, shape }];
  },
  flops: noFlops,
});

/** TensorFlow's kernel does not refuse all that does not fit: see `ruled-first.ts`. */
export const scatter = named({ ScatterNd: scatterNd });

export const gathers = named({
  GatherV2: gather,
  GatherNd: gatherNd,
  TensorScatterUpdate: tensorScatter,
  ...each(['TensorScatterAdd', 'TensorScatterSub', 'TensorScatterMax', 'TensorScatterMin'], tensorScatterCombine),
  ...each(['UnsortedSegmentSum', 'UnsortedSegmentProd'], unsortedSegment(numbers)),
  ...each(['UnsortedSegmentMax', 'UnsortedSegmentMin'], unsortedSegment(reals)),
  OneHot: oneHot,
  SparseToDense: sparseToDense,
});
