import { describe } from 'vitest';
import { pools } from '../../../src/engine/stablehlo/pooling.js';
import type { Attributes } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, floats, known, oneOp, runByTensorFlow, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const attributesOf = (rank: number, size: number, stride: number, padding: string): Attributes => ({
  ksize: { ints: [1, ...new Array<number>(rank - 2).fill(size), 1] },
  strides: { ints: [1, ...new Array<number>(rank - 2).fill(stride), 1] },
  padding: { string: padding },
});
const forms = [
  [2, 2, 'VALID'],
  [3, 1, 'SAME'],
  [3, 2, 'SAME'],
  [2, 3, 'VALID'],
] as const;

/** The pool of x and its gradients, in each form. */
function cases(op: string, x: Given, some: readonly (typeof forms)[number][] = forms) {
  return some.map(([size, stride, padding]): { forward: Case; average: Case; maximum: Case } => {
    const attributes = attributesOf(x.shape.length, size, stride, padding);
    const trace = oneOp(op, { inputs: [x], attributes });
    const shape = trace.values[1]?.shape ?? [];
    const [elements = new Float32Array()] = runByTensorFlow(trace, [x]);
    const dy = spread(shape, -1, 1, 9);
    return {
      forward: { inputs: [x], attributes },
      average: { inputs: [known(...x.shape), dy], attributes },
      maximum: { inputs: [x, { dtype: 'float32', shape, elements }, dy], attributes },
    };
  });
}

const images = cases('MaxPool', spread([2, 7, 6, 3]));
const volumes = cases('MaxPool3D', spread([1, 4, 5, 6, 2]), forms.slice(0, 3));
const equal = cases('MaxPool', floats([1, 3, 3, 1], 1, 1, 1, 1, 1, 1, 1, 1, 1));

describe.skipIf(plugin.path === undefined)(`pooling rules (plugin: ${plugin.reason})`, () => {
  testRules(pools, {
    AvgPool: [
      ...images.map(({ forward }) => forward),
      { inputs: [bfloat16(spread([1, 4, 4, 2]))], attributes: attributesOf(4, 3, 1, 'SAME'), tolerance: 2 ** -6 },
    ],
    AvgPool3D: volumes.map(({ forward }) => forward),
    AvgPool3DGrad: volumes.map(({ average }) => average),
    AvgPoolGrad: images.map(({ average }) => average),
    MaxPool: [
      ...images.map(({ forward }) => forward),
      { inputs: [floats([1, 2, 2, 1], -Infinity, -Infinity, -3, -1)], attributes: attributesOf(4, 2, 1, 'SAME') },
    ],
    MaxPool3D: volumes.map(({ forward }) => forward),
    MaxPool3DGrad: volumes.map(({ maximum }) => maximum),
    MaxPoolGrad: [...images, ...equal].map(({ maximum }) => maximum),
  });
});
