import { describe, expect, it } from 'vitest';
import { gathers } from '../../../src/engine/stablehlo/gather.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bools, floats, integers, known, knownScalar, oneOp, runByPjrt, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const x = spread([2, 3, 4]);
const gather = (params: Given, indices: Given, axis: number, batch = 0): Case => ({
  inputs: [params, indices, knownScalar(axis)],
  attributes: { batch_dims: { int: batch } },
});
const ids = integers([2, 3], 0, 2, -1, 1, 2, 0);
const segments = (data: Given, segmentIds: Given, count: number): Case => ({
  inputs: [data, segmentIds, knownScalar(count)],
});
const folds = [
  segments(spread([2, 3, 4]), ids, 4),
  segments(spread([2, 3]), integers([2], 1, 1), 3),
  segments(integers([3], 5, 6, -7), integers([3], 0, 1, 0), 2),
];
const oneHot = (indices: Given, on: Given, off: Given, axis: number): Case => ({
  inputs: [indices, knownScalar(4), on, off],
  attributes: { axis: { int: axis } },
});
const pairs = integers([2, 2], 1, 2, 0, 1);

describe.skipIf(plugin.path === undefined)(`gather rules (plugin: ${plugin.reason})`, () => {
  testRules(gathers, {
    Bincount: [
      { inputs: [integers([5], 0, 2, 2, 7, 1), knownScalar(4), integers([0])] },
      { inputs: [integers([2, 2], 0, 2, 2, 1), knownScalar(4), spread([2, 2])] },
    ],
    GatherNd: [
      { inputs: [x, pairs] },
      { inputs: [x, integers([1, 2, 1], 1, 0)] },
      { inputs: [x, integers([2, 3], 1, 2, 3, 0, 0, 1)] },
    ],
    GatherV2: [
      gather(x, integers([3], 1, 0, 1), 0),
      gather(x, integers([2, 2], 0, 2, 1, 1), 1),
      gather(x, integers([], 3), -1),
      gather(x, integers([2, 2], 0, 2, 1, 1), 1, 1),
      gather(x, integers([2, 2], 0, 3, 1, 1), 2, 1),
      gather(x, integers([2, 3, 2], 0, 3, 1, 1, 2, 2, 0, 0, 1, 3, 2, 1), 2, 2),
      gather(integers([3], 7, 8, 9), integers([2], 2, 0), 0),
      gather(bools([3], 1, 0, 1), integers([2], 2, 1), 0),
    ],
    InvertPermutation: [{ inputs: [integers([4], 2, 0, 3, 1)] }],
    OneHot: [
      oneHot(ids, floats([], 1), floats([], 0), -1),
      oneHot(ids, floats([], 5), floats([], -1), 0),
      oneHot(integers([4], 0, 3, 4, -1), integers([], 1), integers([], 0), 1),
      oneHot(integers([], 2), bools([], 1), bools([], 0), -1),
    ],
    ScatterNd: [
      { inputs: [integers([3, 1], 1, 3, 1), spread([3, 2]), known(5, 2)] },
      { inputs: [pairs, spread([2]), known(3, 3)] },
    ],
    SparseToDense: [
      { inputs: [integers([2, 2], 0, 1, 1, 2), known(2, 3), floats([2], 5, 6), floats([], -1)] },
      { inputs: [integers([3], 0, 2, 3), known(5), floats([], 7), floats([], 0)] },
      { inputs: [integers([], 2), known(4), integers([], 7), integers([], 1)] },
    ],
    TensorScatterAdd: [{ inputs: [x, integers([2, 1], 1, 1), spread([2, 3, 4], 0, 1)] }],
    TensorScatterMax: [{ inputs: [x, integers([2, 1], 1, 1), spread([2, 3, 4], 0, 1)] }],
    TensorScatterMin: [{ inputs: [x, pairs, spread([2, 4], -1, 1)] }],
    TensorScatterSub: [{ inputs: [x, integers([2, 1], 1, 1), spread([2, 3, 4], 0, 1)] }],
    TensorScatterUpdate: [
      { inputs: [x, integers([1, 1], 1), spread([1, 3, 4], 0, 1)] },
      { inputs: [x, pairs, spread([2, 4], 0, 1)] },
    ],
    UnsortedSegmentMax: folds,
    UnsortedSegmentMin: folds,
    UnsortedSegmentProd: folds,
    UnsortedSegmentSum: folds,
  });

  it('moves an index outside the axis to its nearest end', async () => {
    const given = gather(floats([3], 10, 20, 30), integers([3], -5, 1, 99), 0);
    const [taken] = await runByPjrt(oneOp('GatherV2', given), given.inputs.slice(0, 2));
    expect(Array.from(taken ?? [], Number)).toEqual([10, 20, 30]);
  });
});
