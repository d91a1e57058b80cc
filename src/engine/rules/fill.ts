/** Ops that make a tensor of numbers. */
import type { DType } from '../trace.js';
import { any, floats, indexTypes, integers, requireDtype } from './dtypes.js';
import { noFlops } from './flops.js';
import { knownNumber, knownSizes, requireRank, takeInputs } from './inputs.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

const fill: RuleMaker = (op) => ({
  infer(inputs) {
    const [dims, value] = takeInputs(op, inputs, 'dims', 'value');
    requireDtype(op, indexTypes, dims);
    requireRank(op, inputs, value, 0, 'value');
    return [{ dtype: requireDtype(op, any, value), shape: knownSizes(op, 'dims', dims) }];
  },
  flops: noFlops,
});

/** Half floats are bit patterns in a constant, so a range of them is not counted here. */
const rangeTypes: readonly DType[] = ['float32', 'float64', ...integers.filter((dtype) => dtype !== 'uint8')];

/** start, start + delta, … before limit. */
const range: RuleMaker = (op) => ({
  infer(inputs) {
    const [startInput, limitInput, deltaInput] = takeInputs(op, inputs, 'start', 'limit', 'delta');
    const dtype = requireDtype(op, rangeTypes, startInput, limitInput, deltaInput);
    const start = knownNumber(op, 'start', startInput);
    const limit = knownNumber(op, 'limit', limitInput);
    const delta = knownNumber(op, 'delta', deltaInput);
    if (delta === 0) refuse(op, inputs, 'delta is 0', 'a step other than 0');
    if ((delta > 0 && start > limit) || (delta < 0 && start < limit)) {
      refuse(op, inputs, `${start} to ${limit} goes against the step ${delta}`, 'a step towards the limit');
    }
    return [{ dtype, shape: [Math.ceil(Math.abs((limit - start) / delta))] }];
  },
  flops: noFlops,
});

/** `num` numbers from start to stop, both included. */
const linSpace: RuleMaker = (op) => ({
  infer(inputs) {
    const [start, stop, numInput] = takeInputs(op, inputs, 'start', 'stop', 'num');
    const dtype = requireDtype(op, floats, start, stop);
    requireRank(op, inputs, start, 0, 'start');
    requireRank(op, inputs, stop, 0, 'stop');
    const num = knownNumber(op, 'num', numInput);
    if (num <= 0) refuse(op, inputs, `num is ${num}`, 'num >= 1');
    return [{ dtype, shape: [num] }];
  },
});

export const fills = named({ Fill: fill, Range: range, LinSpace: linSpace });
