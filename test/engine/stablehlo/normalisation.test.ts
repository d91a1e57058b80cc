import { describe } from 'vitest';
import { normalisations } from '../../../src/engine/stablehlo/normalisation.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, floats, integers, spread, testRules } from './one-op.js';
import type { Case } from './one-op.js';

const x = spread([2, 3, 4, 5]);
const channels = (offset: number, low = -1): ReturnType<typeof spread> => spread([5], low, 1, offset);
const norm = (training: boolean): Case => ({
  inputs: training
    ? [x, channels(1), channels(2), floats([0]), floats([0])]
    : [x, channels(1), channels(2), channels(3), channels(4, 0.1)],
  attributes: { is_training: { bool: training }, epsilon: { float: 1e-3 } },
  tolerance: 1e-5,
  ...(training ? {} : { numDefined: 3 }), // the rest is for a gradient, and holds anything
});
const response = { depth_radius: { int: 2 }, bias: { float: 1.5 }, alpha: { float: 0.3 }, beta: { float: 0.75 } };
const labels = spread([4, 3], 0, 1, 8);

describe.skipIf(plugin.path === undefined)(`normalisation rules (plugin: ${plugin.reason})`, () => {
  testRules(normalisations, {
    FusedBatchNorm: [norm(true), norm(false)],
    LRN: [{ inputs: [x], attributes: response }],
    LRNGrad: [{ inputs: [spread([2, 3, 4, 5], -1, 1, 6), x, spread([2, 3, 4, 5], -1, 1, 7)], attributes: response }],
    SoftmaxCrossEntropyWithLogits: [
      { inputs: [spread([4, 3], -5, 5), labels] },
      { inputs: [floats([2, 3], 1000, 0, -1000, 5, 5, 5), floats([2, 3], 0, 1, 0, 0.2, 0.3, 0.5)] },
      { inputs: [bfloat16(spread([2, 3])), bfloat16(spread([2, 3], 0, 1))], tolerance: 2 ** -6 },
    ],
    SparseSoftmaxCrossEntropyWithLogits: [
      { inputs: [spread([4, 3], -5, 5), integers([4], 0, 2, 1, 2)] },
      { inputs: [floats([1, 3], 1000, 0, -1000), integers([1], 2)] },
    ],
  });
});
