import { describe } from 'vitest';
import { reductions } from '../../../src/engine/stablehlo/reduction.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, bools, floats, integers, known, knownScalar, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const x = spread([2, 3, 4]);
const whole = integers([2, 3], 7, -2, 5, -9, 3, -2);
const reduce = (given: Given, axes: Given, keep = false): Case => ({
  inputs: [given, axes],
  attributes: { keep_dims: { bool: keep } },
});
const over = (given: Given): Case[] => [
  reduce(given, known(0)),
  reduce(given, known(-1), true),
  reduce(given, knownScalar(1)),
  reduce(given, known(0, -1)),
  reduce(given, known(...given.shape.keys())),
  reduce(given, known()),
];
const both = [...over(x), ...over(whole)];
const half = reduce(bfloat16(spread([4, 300], 0, 1)), known(1));
const holes = reduce(floats([2, 3], 1, NaN, 2, -Infinity, 0, Infinity), known(1));
const empty = reduce(floats([2, 0]), known(1));
const logic = over(bools([2, 3], 1, 1, 0, 1, 1, 1));
const arg = (given: Given, axis: number, type: 'int32' | 'int64' = 'int64'): Case => ({
  inputs: [given, knownScalar(axis)],
  attributes: { output_type: { type } },
});
const args = [
  arg(x, 0),
  arg(x, -1, 'int32'),
  arg(x, 1),
  arg(whole, 1),
  arg(floats([6], 1, 3, 3, 1, 1, 2), 0),
  arg(floats([2], -Infinity, -Infinity), 0),
];
const running = (given: Given, axis: number): Case[] =>
  [false, true].flatMap((exclusive) =>
    [false, true].map((reverse) => ({
      inputs: [given, knownScalar(axis)],
      attributes: { exclusive: { bool: exclusive }, reverse: { bool: reverse } },
    })),
  );
const runs = [...running(x, 1), ...running(x, -1), ...running(whole, 0), ...running(spread([1, 3]), 0)];
const sums = [
  ...running(x, 1),
  ...running(spread([1, 7], -50, 50), 1),
  ...running(floats([4], -Infinity, 1, 1000, 1000), 0),
];
const top = (given: Given, k: number): Case => ({ inputs: [given, knownScalar(k)] });
const rows = [
  { inputs: [spread([5, 7], -4, 4)] },
  { inputs: [x] },
  { inputs: [floats([2, 3], 1000, 999, 0, -1000, -1001, -1e9)] },
];

describe.skipIf(plugin.path === undefined)(`reduction rules (plugin: ${plugin.reason})`, () => {
  testRules(reductions, {
    All: logic,
    Any: logic,
    ArgMax: args,
    ArgMin: args,
    Cumprod: runs,
    Cumsum: runs,
    CumulativeLogsumexp: sums,
    EuclideanNorm: over(x),
    L2Loss: [{ inputs: [x] }],
    LogSoftmax: rows,
    Max: [...both, holes, reduce(bfloat16(x), known(1)), empty],
    Mean: [...both, half, holes],
    Min: [...both, holes, empty],
    Prod: [...both, empty],
    Softmax: [...rows, { inputs: [bfloat16(x)] }],
    Sum: [...both, half, holes, empty],
    TopKV2: [top(x, 2), top(x, 4), top(whole, 1), top(floats([6], 1, 3, 3, -0, 0, 2), 6), top(spread([3]), 0)],
  });
});
