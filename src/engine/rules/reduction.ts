/** Ops that fold axes into one number. They count each input element once. */
import type { DType } from '../trace.js';
import { sizeOf } from '../trace.js';
import { boolOf, typeOf } from './attributes.js';
import { removeAxis, resolveAxes, resolveAxis } from './axis.js';
import { bools, floats, indexTypes, numbers, reals, requireDtype } from './dtypes.js';
import { known, knownNumber, sameShape, sizeAt, takeInputs } from './inputs.js';
import { perInputElement } from './flops.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

/** Sum, mean, … over the axes in the second input; with `keep_dims` they stay as 1. */
const reduce =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x, axesInput] = takeInputs(op, inputs, 'input', 'reduction_indices');
      const { shape } = x.spec;
      const dtype = requireDtype(op, dtypes, x);
      requireDtype(op, indexTypes, axesInput);
      if (axesInput.spec.shape.length > 1)
        refuse(op, inputs, 'axes have rank 2 or more', 'a scalar or a vector of axes');
      const axes = new Set(resolveAxes(op, inputs, known(op, 'axis', axesInput), shape.length));
      const kept = boolOf(attributes, 'keep_dims', false)
        ? shape.map((size, axis) => (axes.has(axis) ? 1 : size))
        : shape.filter((_size, axis) => !axes.has(axis));
      return [{ dtype, shape: kept }];
    },
    flops: perInputElement(1),
  });

/** The position of the extreme along one axis. */
const argument: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x, axisInput] = takeInputs(op, inputs, 'input', 'dimension');
    requireDtype(op, [...reals, 'bool'], x);
    const { shape } = x.spec;
    const axis = resolveAxis(op, inputs, knownNumber(op, 'axis', axisInput), shape.length);
    if (shape[axis] === 0) refuse(op, inputs, `axis ${axis} is empty`, 'at least one element to choose from');
    return [{ dtype: typeOf(attributes, 'output_type', 'int64'), shape: removeAxis(shape, axis) }];
  },
  flops: perInputElement(1),
});

/** x with running sums or products along one axis. */
const cumulate =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x, axis] = takeInputs(op, inputs, 'x', 'axis');
      requireDtype(op, indexTypes, axis);
      resolveAxis(op, inputs, knownNumber(op, 'axis', axis), x.spec.shape.length);
      return [{ dtype: requireDtype(op, dtypes, x), shape: x.spec.shape }];
    },
    flops: perInputElement(1),
  });

/** The k largest along the last axis, and where they were. A count of comparisons would depend on the data: one an element. */
const topK: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x, kInput] = takeInputs(op, inputs, 'input', 'k');
    const dtype = requireDtype(op, reals, x);
    const k = knownNumber(op, 'k', kInput);
    const { shape } = x.spec;
    if (shape.length === 0) refuse(op, inputs, 'a scalar has no last axis', 'rank 1 or more');
    if (k < 0 || k > sizeAt(x.spec, -1)) {
      refuse(
        op,
        inputs,
        `k is ${k}, the last axis has ${sizeAt(x.spec, -1)} elements`,
        'k between 0 and the size of the last axis',
      );
    }
    const largest = [...shape.slice(0, -1), k];
    return [
      { dtype, shape: largest },
      { dtype: typeOf(attributes, 'index_type', 'int32'), shape: largest },
    ];
  },
  flops: perInputElement(1),
});

/** How often each of the numbers below `size` occurs, or the sum of their weights. */
const binCount: RuleMaker = (op) => ({
  infer(inputs) {
    const [values, sizeInput, weights] = takeInputs(op, inputs, 'arr', 'size', 'weights');
    requireDtype(op, ['int32'], values);
    const size = knownNumber(op, 'size', sizeInput);
    if (size < 0) refuse(op, inputs, `size is ${size}`, 'size >= 0');
    const numWeights = sizeOf(weights.spec.shape);
    if (numWeights !== 0 && !sameShape(values.spec.shape, weights.spec.shape)) {
      refuse(op, [values, weights], 'values and weights differ in shape', 'a weight for each value, or no weights');
    }
    return [{ dtype: requireDtype(op, ['int32', 'int64', 'float32', 'float64'], weights), shape: [size] }];
  },
  flops: perInputElement(1),
});

/** sum(x²) / 2. */
const l2Loss: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 't');
    return [{ dtype: requireDtype(op, floats, x), shape: [] }];
  },
  flops: perInputElement(2),
});

export const reduction = named({
  ...each(['Sum', 'Mean', 'Prod', 'EuclideanNorm'], reduce(numbers)),
  ...each(['Max', 'Min'], reduce(reals)),
  ...each(['All', 'Any'], reduce(bools)),
  ...each(['ArgMax', 'ArgMin'], argument),
  ...each(['Cumsum', 'Cumprod'], cumulate(numbers)),
  CumulativeLogsumexp: cumulate(floats),
  L2Loss: l2Loss,
  TopKV2: topK,
  Bincount: binCount,
});
