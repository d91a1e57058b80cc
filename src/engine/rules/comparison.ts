/** Ops that ask and choose: comparisons give bool, selections take from one of two tensors. */
import type { DType } from '../trace.js';
import { broadcastInputs } from './broadcast.js';
import { any, bools, floats, reals, requireDtype } from './dtypes.js';
import { requireSameShape, sameShape, takeInputs } from './inputs.js';
import { noFlops } from './flops.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

const compare =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x, y] = takeInputs(op, inputs, 'x', 'y');
      requireDtype(op, dtypes, x, y);
      return [{ dtype: 'bool', shape: broadcastInputs(op, inputs) }];
    },
  });

const test: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 'x');
    requireDtype(op, floats, x);
    return [{ dtype: 'bool', shape: x.spec.shape }];
  },
});

/** The first form: no stretching, but for a scalar condition, or a vector that chooses rows. */
const select: RuleMaker = (op) => ({
  infer(inputs) {
    const [condition, yes, no] = takeInputs(op, inputs, 'condition', 't', 'e');
    requireDtype(op, bools, condition);
    const dtype = requireDtype(op, any, yes, no);
    requireSameShape(op, [yes, no]);
    const { shape } = yes.spec;
    const choosesRows = condition.spec.shape.length === 1 && shape.length > 0 && condition.spec.shape[0] === shape[0];
    if (condition.spec.shape.length > 0 && !choosesRows && !sameShape(condition.spec.shape, shape)) {
      refuse(
        op,
        inputs,
        'the condition fits neither all elements nor rows',
        'a condition of the same shape, a scalar, or one for each row',
      );
    }
    return [{ dtype, shape }];
  },
  flops: noFlops,
});

/** The second form: all three stretch to one shape. */
const selectBroadcast: RuleMaker = (op) => ({
  infer(inputs) {
    const [condition, yes, no] = takeInputs(op, inputs, 'condition', 't', 'e');
    requireDtype(op, bools, condition);
    return [{ dtype: requireDtype(op, any, yes, no), shape: broadcastInputs(op, inputs) }];
  },
  flops: noFlops,
});

export const comparison = named({
  ...each(['Equal', 'NotEqual'], compare(any)),
  ...each(['Less', 'LessEqual', 'Greater', 'GreaterEqual'], compare(reals)),
  ...each(['LogicalAnd', 'LogicalOr'], compare(bools)),
  ...each(['IsNan', 'IsInf', 'IsFinite'], test),
  Select: select,
  SelectV2: selectBroadcast,
});
