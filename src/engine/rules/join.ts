/** Ops that join tensors to one and part one into several. They only move data. */
import type { RuleInput } from '../trace.js';
import { intOf } from './attributes.js';
import { insertAxis, removeAxis, resizeAxis, resolveAxis } from './axis.js';
import { any, requireDtype } from './dtypes.js';
import { noFlops } from './flops.js';
import { knownNumber, knownVector, requireSameShape, takeInputs, takeList } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

/** Along an axis that is there: [2, 3] and [4, 3] → [6, 3]. */
const concat: RuleMaker = (op) => ({
  list: 'all-but-last',
  infer(inputs) {
    const axisInput = takeList(op, inputs.slice(-1))[0];
    const values = inputs.slice(0, -1);
    const [{ spec: first }] = takeList(op, values);
    const dtype = requireDtype(op, any, ...values);
    if (values.length < 2) refuse(op, values, 'one tensor', 'two tensors or more');
    const axis = resolveAxis(op, values, knownNumber(op, 'axis', axisInput), first.shape.length);
    const agrees = ({ spec }: RuleInput): boolean =>
      spec.shape.length === first.shape.length &&
      spec.shape.every((size, other) => other === axis || size === first.shape[other]);
    if (!values.every(agrees))
      refuse(op, values, `shapes differ beside axis ${axis}`, `equal sizes on all axes but ${axis}`);
    const joined = values.reduce((sum, { spec }) => sum + (spec.shape[axis] ?? 0), 0);
    return [{ dtype, shape: resizeAxis(first.shape, axis, joined) }];
  },
  flops: noFlops,
});

/** Along an axis that is not there yet: n times [2, 3] → [n, 2, 3]. */
const pack: RuleMaker = (op) => ({
  list: 'all',
  infer(inputs, attributes) {
    const [{ spec }] = takeList(op, inputs);
    const dtype = requireDtype(op, any, ...inputs);
    requireSameShape(op, inputs);
    const axis = resolveAxis(op, inputs, intOf(attributes, 'axis', 0), spec.shape.length + 1);
    return [{ dtype, shape: insertAxis(spec.shape, axis, inputs.length) }];
  },
  flops: noFlops,
});

/** [n, 2, 3] → n times [2, 3]. */
const unpack: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [value] = takeInputs(op, inputs, 'value');
    const { dtype, shape } = value.spec;
    const axis = resolveAxis(op, inputs, intOf(attributes, 'axis', 0), shape.length);
    const count = intOf(attributes, 'num');
    if (shape[axis] !== count)
      refuse(op, inputs, `axis ${axis} does not part into ${count}`, `${shape[axis] ?? 0} outputs`);
    return Array.from({ length: count }, () => ({ dtype, shape: removeAxis(shape, axis) }));
  },
  flops: noFlops,
});

/** Into equal parts. The axis comes first, as TensorFlow has it. */
const split: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [axisInput, value] = takeInputs(op, inputs, 'split_dim', 'value');
    const { dtype, shape } = value.spec;
    const axis = resolveAxis(op, inputs, knownNumber(op, 'axis', axisInput), shape.length);
    const count = intOf(attributes, 'num_split');
    const size = shape[axis] ?? 0;
    if (size % count !== 0)
      refuse(op, [value], `axis ${axis} does not part into ${count} equal parts`, `a divisor of ${size}`);
    return Array.from({ length: count }, () => ({ dtype, shape: resizeAxis(shape, axis, size / count) }));
  },
  flops: noFlops,
});

/** Into parts of given sizes; one may be -1: what is left. */
const splitSizes: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [value, sizesInput, axisInput] = takeInputs(op, inputs, 'value', 'size_splits', 'split_dim');
    const { dtype, shape } = value.spec;
    const axis = resolveAxis(op, inputs, knownNumber(op, 'axis', axisInput, 'scalar or [1]'), shape.length);
    const sizes = knownVector(op, 'size_splits', sizesInput);
    const size = shape[axis] ?? 0;
    const unknown = sizes.filter((part) => part === -1).length;
    const rest = size - sizes.reduce((sum, part) => sum + Math.max(part, 0), 0);
    const fits = unknown === 0 ? rest === 0 : unknown === 1 && rest >= 0;
    if (!fits || sizes.some((part) => part < -1) || sizes.length !== intOf(attributes, 'num_split')) {
      refuse(
        op,
        [value],
        `axis ${axis} does not part into ${sizes.join(' + ')}`,
        `sizes whose sum is ${size}, at most one -1`,
      );
    }
    return sizes.map((part) => ({ dtype, shape: resizeAxis(shape, axis, part === -1 ? rest : part) }));
  },
  flops: noFlops,
});

export const join = named({ ConcatV2: concat, Pack: pack, Unpack: unpack, Split: split, SplitV: splitSizes });
