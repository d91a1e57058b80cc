import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes, Spec } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, inferred, ruleOf, tensor, vector } from './tensorflow.js';

const window = (strides: readonly number[], padding: string, more: Attributes = {}): Attributes => ({
  strides: { ints: strides },
  padding: { string: padding },
  ...more,
});
const ints = (values: readonly number[]): { readonly ints: readonly number[] } => ({ ints: values });
const plain = window([1, 1, 1, 1], 'SAME');

describe('Conv2D', () => {
  const conv = (x: readonly number[], filter: readonly number[], attributes: Attributes): Call => ({
    op: 'Conv2D',
    inputs: [tensor(x), tensor(filter)],
    attributes,
  });

  it('moves a window', () => {
    expectSame(conv([2, 7, 8, 3], [3, 2, 3, 5], plain));
    expectSame(conv([2, 7, 8, 3], [3, 2, 3, 5], window([1, 2, 3, 1], 'VALID')));
    expectSame(conv([2, 7, 8, 3], [3, 2, 3, 5], window([1, 2, 3, 1], 'SAME')));
    expectSame(conv([2, 9, 9, 3], [3, 3, 3, 5], window([1, 1, 1, 1], 'VALID', { dilations: ints([1, 2, 3, 1]) })));
    expectSame(
      conv(
        [2, 7, 8, 3],
        [3, 2, 3, 5],
        window([1, 2, 1, 1], 'EXPLICIT', { explicit_paddings: ints([0, 0, 1, 2, 0, 3, 0, 0]) }),
      ),
    );
    expectSame(conv([2, 7, 8, 4], [3, 2, 2, 6], plain));
    expectSame(conv([0, 7, 8, 3], [3, 2, 3, 5], plain));
  });

  it('refuses what does not fit', () => {
    expectRefused(
      conv([2, 2, 2, 3], [4, 4, 3, 5], window([1, 1, 1, 1], 'VALID')),
      'a window of 4 does not fit into 2 on axis 1',
    );
    expectRefused(conv([2, 7, 8, 4], [3, 2, 3, 5], plain), '4 channels do not part into groups of 3');
    expectRefused(conv([2, 7, 8, 4], [3, 2, 2, 5], plain), '5 output channels do not part into 2 groups');
    expectRefused(conv([7, 8, 3], [3, 2, 3, 5], plain));
    expectRefused(conv([2, 7, 8, 3], [2, 3, 5], plain));
    expectRefused(conv([2, 7, 8, 3], [3, 2, 3, 5], window([2, 1, 1, 1], 'SAME')));
    expectRefused(conv([2, 7, 8, 3], [3, 2, 3, 5], window([1, 1, 1], 'SAME')));
    expectRefused(conv([2, 7, 8, 3], [3, 2, 3, 5], window([1, 0, 1, 1], 'SAME')));
    expectRefused(
      conv([2, 7, 8, 3], [3, 2, 3, 5], window([1, 1, 1, 1], 'EXPLICIT', { explicit_paddings: ints([1, 1]) })),
    );
  });

  it('agrees with TensorFlow for any window', () => {
    const small = fc.integer({ min: 1, max: 4 });
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        size,
        size,
        small,
        small,
        small,
        small,
        small,
        small,
        fc.constantFrom('SAME', 'VALID'),
        (h, w, fh, fw, sh, sw, dh, dw, padding) => {
          const call = conv(
            [1, h, w, 2],
            [fh, fw, 2, 3],
            window([1, sh, sw, 1], padding, { dilations: ints([1, dh, dw, 1]) }),
          );
          if (executed(call) instanceof Error) expectRefused(call);
          else expectSame(call);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('puts channels first where data_format says so (no kernel on all machines: a derivation)', () => {
    const result = inferred(
      conv([2, 3, 7, 8], [3, 2, 3, 5], window([1, 1, 2, 3], 'VALID', { data_format: { string: 'NCHW' } })),
    );
    // (7 - 3) / 2 + 1 = 3 rows, floor((8 - 2) / 3) + 1 = 3 columns
    expect(result).toEqual([{ dtype: 'float32', shape: [2, 5, 3, 3] }]);
  });

  it('counts 2 x result x window x channels', () => {
    const f32 = (shape: readonly number[]): Spec => ({ dtype: 'float32', shape });
    expect(ruleOf('Conv2D').flops?.([f32([1, 4, 4, 3]), f32([3, 3, 3, 5])], [f32([1, 4, 4, 5])], plain)).toBe(
      2 * 80 * 27,
    );
    const depthwise = ruleOf('DepthwiseConv2dNative');
    expect(depthwise.flops?.([f32([1, 4, 4, 3]), f32([3, 3, 3, 1])], [f32([1, 4, 4, 3])], plain)).toBe(2 * 48 * 9);
  });
});

describe.each([
  ['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter', [2, 7, 8, 3], [3, 2, 3, 5]],
  [
    'DepthwiseConv2dNative',
    'DepthwiseConv2dNativeBackpropInput',
    'DepthwiseConv2dNativeBackpropFilter',
    [2, 7, 8, 3],
    [3, 2, 3, 2],
  ],
  ['Conv3D', 'Conv3DBackpropInputV2', 'Conv3DBackpropFilterV2', [2, 5, 7, 8, 3], [2, 3, 2, 3, 5]],
] as const)('%s and its gradients', (op, inputGradient, filterGradient, x, filter) => {
  const space = x.length - 2;
  const strides = (stride: number): readonly number[] => [1, ...new Array<number>(space).fill(stride), 1];

  it.each(['SAME', 'VALID'])('with %s padding', (padding) => {
    for (const stride of [1, 2]) {
      const attributes = window(strides(stride), padding);
      expectSame({ op, inputs: [tensor(x), tensor(filter)], attributes });
      const forward = inferred({ op, inputs: [tensor(x), tensor(filter)], attributes });
      if (forward instanceof Error) throw forward;
      const shape = forward[0]?.shape ?? [];
      expectSame({ op: inputGradient, inputs: [vector(x), tensor(filter), tensor(shape)], attributes });
      expectSame({ op: filterGradient, inputs: [tensor(x), vector(filter), tensor(shape)], attributes });
      const other = [...shape.slice(0, 1), (shape[1] ?? 0) + 1, ...shape.slice(2)];
      expectRefused({ op: inputGradient, inputs: [vector(x), tensor(filter), tensor(other)], attributes });
      expectRefused({ op: filterGradient, inputs: [tensor(x), vector(filter), tensor(other)], attributes });
    }
  });

  it('refuses other channels', () => {
    const attributes = window(strides(1), 'SAME');
    expectRefused({ op, inputs: [tensor([...x.slice(0, -1), 4]), tensor(filter)], attributes });
  });
});

describe('Dilation2D', () => {
  const attributes: Attributes = window([1, 2, 2, 1], 'VALID', { rates: ints([1, 1, 2, 1]) });

  it('and its gradients', () => {
    const [x, filter] = [tensor([2, 7, 8, 3]), tensor([3, 2, 3])];
    expectSame({ op: 'Dilation2D', inputs: [x, filter], attributes });
    for (const op of ['Dilation2DBackpropInput', 'Dilation2DBackpropFilter']) {
      expectSame({ op, inputs: [x, filter, tensor([2, 3, 3, 3])], attributes });
      expectRefused({ op, inputs: [x, filter, tensor([2, 3, 4, 3])], attributes });
    }
    expectRefused({ op: 'Dilation2D', inputs: [x, tensor([3, 2, 4])], attributes });
    expectRefused({ op: 'Dilation2D', inputs: [x, tensor([3, 2, 3, 1])], attributes });
  });
});
