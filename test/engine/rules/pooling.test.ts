import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/engine/trace.js';
import { expectRefused, expectSame, inferred, ruleOf, tensor, vector } from './tensorflow.js';

const attributesOf = (rank: number, size: number, stride: number, padding: string): Attributes => ({
  ksize: { ints: [1, ...new Array<number>(rank - 2).fill(size), 1] },
  strides: { ints: [1, ...new Array<number>(rank - 2).fill(stride), 1] },
  padding: { string: padding },
});

describe.each([
  ['AvgPool', 'AvgPoolGrad', [2, 7, 8, 3]],
  ['MaxPool', 'MaxPoolGrad', [2, 7, 8, 3]],
  ['AvgPool3D', 'AvgPool3DGrad', [2, 5, 7, 8, 3]],
  ['MaxPool3D', 'MaxPool3DGrad', [2, 5, 7, 8, 3]],
] as const)('%s', (op, gradient, x) => {
  it.each(['SAME', 'VALID'])('with %s padding, and its gradient', (padding) => {
    for (const [size, stride] of [
      [2, 2],
      [3, 1],
      [3, 2],
    ] as const) {
      const attributes = attributesOf(x.length, size, stride, padding);
      expectSame({ op, inputs: [tensor(x)], attributes });
      const forward = inferred({ op, inputs: [tensor(x)], attributes });
      if (forward instanceof Error) throw forward;
      const pooled = tensor(forward[0]?.shape ?? []);
      const before = op.startsWith('Avg') ? [vector(x)] : [tensor(x), pooled];
      expectSame({ op: gradient, inputs: [...before, pooled], attributes });
    }
  });

  it('refuses other ranks and windows that do not fit', () => {
    expectRefused({ op, inputs: [tensor([7, 8, 3])], attributes: attributesOf(x.length, 2, 2, 'SAME') });
    expectRefused(
      { op, inputs: [tensor(x)], attributes: attributesOf(x.length, 20, 1, 'VALID') },
      'a window of 20 does not fit',
    );
    expectRefused({ op, inputs: [tensor(x)], attributes: attributesOf(x.length - 1, 2, 2, 'SAME') });
  });
});

describe('pools', () => {
  it('a gradient has the shape of the pool', () => {
    const attributes = attributesOf(4, 2, 2, 'VALID');
    expectRefused({
      op: 'MaxPoolGrad',
      inputs: [tensor([1, 4, 4, 1]), tensor([1, 2, 2, 1]), tensor([1, 2, 3, 1])],
      attributes,
    });
    expectRefused({
      op: 'MaxPoolGrad',
      inputs: [tensor([1, 4, 4, 1]), tensor([1, 3, 2, 1]), tensor([1, 2, 2, 1])],
      attributes,
    });
    expectRefused({ op: 'AvgPoolGrad', inputs: [vector([4, 4, 1]), tensor([1, 2, 2, 1])], attributes });
  });

  it('count the elements under the windows', () => {
    const attributes = attributesOf(4, 3, 1, 'VALID');
    expect(
      ruleOf('MaxPool').flops?.(
        [{ dtype: 'float32', shape: [1, 4, 4, 1] }],
        [{ dtype: 'float32', shape: [1, 2, 2, 1] }],
        attributes,
      ),
    ).toBe(36);
  });
});
