import { describe, expect, it } from 'vitest';
import { convolutions } from '../../../src/engine/stablehlo/convolution.js';
import { dilations } from '../../../src/engine/stablehlo/dilation.js';
import type { Attributes } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, floats, integers, known, oneOp, runByPjrt, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

interface Form {
  readonly padding?: string;
  readonly stride?: number;
  readonly dilation?: number;
}

const attributesOf = (rank: number, { padding = 'VALID', stride = 1, dilation = 1 }: Form): Attributes => {
  const inSpace = (value: number): number[] => [1, ...new Array<number>(rank - 2).fill(value), 1];
  return {
    padding: { string: padding },
    strides: { ints: inSpace(stride) },
    dilations: { ints: inSpace(dilation) },
  };
};
const forms: Form[] = [
  {},
  { padding: 'SAME' },
  { padding: 'SAME', stride: 2 },
  { stride: 2 },
  { padding: 'SAME', dilation: 2 },
];
const tolerance = 1e-5;

/** The same convolution forward, for x and for the filter; dy has the shape that the engine's rule gives. */
function cases(x: number[], filter: number[], form: Form, op: string): Record<'forward' | 'input' | 'filter', Case> {
  const attributes = attributesOf(x.length, form);
  const forward: Case = { inputs: [spread(x), spread(filter, -1, 1, 5)], attributes, tolerance };
  const trace = oneOp(op, forward);
  const dy = spread(trace.values[2]?.shape ?? [], -1, 1, 9);
  return {
    forward,
    input: { inputs: [known(...x), spread(filter, -1, 1, 5), dy], attributes, tolerance },
    filter: { inputs: [spread(x), known(...filter), dy], attributes, tolerance },
  };
}

const plain = forms.map((form) => cases([2, 6, 5, 3], [3, 2, 3, 4], form, 'Conv2D'));
const grouped = cases([1, 5, 5, 4], [3, 3, 2, 6], { padding: 'SAME' }, 'Conv2D');
const one = cases([1, 4, 4, 2], [1, 1, 2, 3], {}, 'Conv2D');
const volumes = [{}, { padding: 'SAME', stride: 2 }].map((form) =>
  cases([1, 4, 5, 3, 2], [2, 3, 2, 2, 3], form, 'Conv3D'),
);
const depthwise = forms
  .filter(({ dilation }) => dilation === undefined)
  .map((form) => cases([2, 6, 5, 3], [3, 3, 3, 2], form, 'DepthwiseConv2dNative'));
const explicit: Case = {
  inputs: [spread([1, 4, 5, 2]), spread([3, 2, 2, 3])],
  attributes: {
    padding: { string: 'EXPLICIT' },
    explicit_paddings: { ints: [0, 0, 1, 2, 0, 1, 0, 0] },
    strides: { ints: [1, 2, 1, 1] },
    dilations: { ints: [1, 1, 1, 1] },
  },
  tolerance,
};
const half: Case = {
  inputs: [bfloat16(spread([1, 4, 4, 2])), bfloat16(spread([2, 2, 2, 3]))],
  attributes: attributesOf(4, {}),
  tolerance: 2 ** -6,
};

/** Images, a filter without channels out, and dy of the pool's shape where one is given. */
const grey = (padding: string, stride: number, rate: number, x: Given, filter: Given): Case[] => {
  const attributes: Attributes = {
    padding: { string: padding },
    strides: { ints: [1, stride, stride, 1] },
    rates: { ints: [1, rate, rate, 1] },
  };
  const trace = oneOp('Dilation2D', { inputs: [x, filter], attributes });
  const dy = spread(trace.values[2]?.shape ?? [], -1, 1, 7);
  return [
    { inputs: [x, filter], attributes },
    { inputs: [x, filter, dy], attributes },
  ];
};
const greys = [
  grey('VALID', 1, 1, spread([2, 5, 6, 3]), spread([2, 3, 3], 0, 1, 3)),
  grey('SAME', 2, 1, spread([1, 5, 5, 2]), spread([3, 3, 2], 0, 1, 3)),
  grey('SAME', 1, 2, spread([1, 6, 6, 2]), spread([2, 2, 2], 0, 1, 3)),
  grey('VALID', 1, 1, floats([1, 3, 3, 1], 1, 1, 1, 1, 1, 1, 1, 1, 1), floats([2, 2, 1], 0, 0, 0, 0)), // all equal
];
const dilated = greys.map(([, gradient]) => gradient).filter((given) => given !== undefined);

describe.skipIf(plugin.path === undefined)(`convolution rules (plugin: ${plugin.reason})`, () => {
  testRules(convolutions, {
    Conv2D: [...plain.map(({ forward }) => forward), grouped.forward, one.forward, explicit, half],
    Conv2DBackpropFilter: [...plain.slice(0, -1), one].map(({ filter }) => filter),
    Conv2DBackpropInput: [...plain.slice(0, -1), one].map(({ input }) => input),
    Conv3D: volumes.map(({ forward }) => forward),
    Conv3DBackpropFilterV2: volumes.map(({ filter }) => filter),
    Conv3DBackpropInputV2: volumes.map(({ input }) => input),
    DepthwiseConv2dNative: depthwise.map(({ forward }) => forward),
    DepthwiseConv2dNativeBackpropFilter: depthwise.map(({ filter }) => filter),
    DepthwiseConv2dNativeBackpropInput: depthwise.map(({ input }) => input),
  });

  testRules(dilations, {
    Dilation2D: [
      ...greys.map(([forward]) => forward).filter((given) => given !== undefined),
      {
        inputs: [integers([1, 2, 2, 1], 1, -2, 3, 4), integers([1, 2, 1], 5, -1)],
        attributes: { padding: { string: 'VALID' }, strides: { ints: [1, 1, 1, 1] }, rates: { ints: [1, 1, 1, 1] } },
      },
    ],
    Dilation2DBackpropFilter: dilated,
    Dilation2DBackpropInput: dilated,
  });

  it('has gradients that are adjoint where TensorFlow has none on CPUs: with dilations, in groups', async () => {
    const dilated = cases([1, 6, 5, 2], [3, 2, 2, 3], { padding: 'SAME', dilation: 2 }, 'Conv2D');
    for (const { forward, input, filter } of [dilated, grouped]) {
      const [x, w, dy] = [forward.inputs[0], forward.inputs[1], input.inputs[2]];
      if (x === undefined || w === undefined || dy === undefined) throw new Error('x, a filter and dy');
      const run = async (op: string, given: Case): Promise<number[]> => {
        const [found] = await runByPjrt(
          oneOp(op, given),
          given.inputs.filter(({ known: isKnown }) => isKnown !== true),
        );
        return Array.from(found ?? [], Number);
      };
      const inner = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): number =>
        Array.from(a).reduce<number>((sum, value, index) => sum + Number(value) * Number(b[index]), 0);
      const y = await run('Conv2D', forward);
      const [dx, dw] = [await run('Conv2DBackpropInput', input), await run('Conv2DBackpropFilter', filter)];
      // ⟨conv(x, w), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩
      expect(inner(dx, x.elements)).toBeCloseTo(inner(y, dy.elements), 4);
      expect(inner(dw, w.elements)).toBeCloseTo(inner(y, dy.elements), 4);
    }
  });
});
