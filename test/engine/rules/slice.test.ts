import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, inferred, scalar, tensor, vector } from './tensorflow.js';

function expectAgrees(call: Call): void {
  if (executed(call) instanceof Error) expectRefused(call);
  else expectSame(call);
}

describe('Slice', () => {
  const slice = (shape: readonly number[], begin: readonly number[], size: readonly number[]): Call => ({
    op: 'Slice',
    inputs: [tensor(shape), vector(begin), vector(size)],
  });

  it('cuts a window', () => {
    expectSame(slice([4, 5], [1, 2], [2, 3]));
    expectSame(slice([4, 5], [1, 2], [-1, -1]));
    expectSame(slice([4, 5], [4, 5], [0, -1]));
    expectSame(slice([], [], []));
    expectRefused(slice([4, 5], [3, 0], [2, 5]), 'Slice: [4, 5]: [2, 5] elements from [3, 0] are not all in it');
    expectRefused(slice([4, 5], [0], [2]));
    expectRefused(slice([4, 5], [-1, 0], [2, 2]));
    expectRefused(slice([4, 5], [0, 0], [-2, 2]));
    expectRefused(slice([4, 5], [5, 0], [-1, 2]));
  });

  it('agrees with TensorFlow for any window', () => {
    const number = fc.integer({ min: -2, max: 5 });
    fc.assert(
      fc.property(fc.tuple(number, number), fc.tuple(number, number), (begin, size) => { expectAgrees(slice([3, 4], begin, size)); }), // prettier-ignore
      { numRuns: 300 },
    );
  });

  it('may start at a computed position if its size is known', () => {
    const position = tensor([2], 'int32');
    expectSame({ op: 'Slice', inputs: [tensor([4, 5]), position, vector([2, 3])] });
    expect((inferred({ op: 'Slice', inputs: [tensor([4, 5]), position, vector([2, -1])] }) as Error).message).toContain(
      '`begin` is not known',
    );
    expect((inferred({ op: 'Slice', inputs: [tensor([4, 5]), vector([0, 0]), position] }) as Error).message).toContain(
      '`size` is not known',
    );
    expectRefused({ op: 'Slice', inputs: [tensor([4, 5]), position, vector([5, 3])] }, 'from a computed position');
  });
});

/** Masks by Python's notation: '1:3, ::2, ..., newaxis, 0'. */
interface Specification {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides: readonly number[];
  readonly masks?: Readonly<Record<string, number>>;
}

const attributesOf = (masks: Specification['masks'] = {}): Attributes =>
  Object.fromEntries(Object.entries(masks).map(([name, bits]) => [`${name}_mask`, { int: bits }]));

const strided = (shape: readonly number[], { begin, end, strides, masks }: Specification): Call => ({
  op: 'StridedSlice',
  inputs: [tensor(shape), vector(begin), vector(end), vector(strides)],
  attributes: attributesOf(masks),
});

describe('StridedSlice', () => {
  it.each([
    ['x[1:3, 0:4:2]', [4, 5], { begin: [1, 0], end: [3, 4], strides: [1, 2] }],
    ['x[:, ::-1]', [4, 5], { begin: [0, 0], end: [0, 0], strides: [1, -1], masks: { begin: 3, end: 3 } }],
    ['x[-3:-1]', [4, 5], { begin: [-3], end: [-1], strides: [1] }],
    ['x[100:]', [4, 5], { begin: [100], end: [0], strides: [1], masks: { end: 1 } }],
    ['x[..., 1:2]', [2, 3, 4], { begin: [0, 1], end: [0, 2], strides: [1, 1], masks: { ellipsis: 1 } }],
    [
      'x[0, ..., newaxis]',
      [2, 3, 4],
      { begin: [0, 0, 0], end: [1, 0, 0], strides: [1, 1, 1], masks: { shrink_axis: 1, ellipsis: 2, new_axis: 4 } },
    ],
    ['x[newaxis, 1]', [2, 3], { begin: [0, 1], end: [0, 2], strides: [1, 1], masks: { new_axis: 1, shrink_axis: 2 } }],
    ['x[-1]', [2, 3], { begin: [-1], end: [0], strides: [1], masks: { shrink_axis: 1 } }],
    ['x[4:0:-2]', [5], { begin: [4], end: [0], strides: [-2] }],
    ['x of rank 0, newaxis', [], { begin: [0], end: [0], strides: [1], masks: { new_axis: 1 } }],
    ['x[...]', [2, 3], { begin: [0], end: [0], strides: [1], masks: { ellipsis: 1 } }],
    ['nothing', [2, 3], { begin: [], end: [], strides: [] }],
  ] satisfies readonly (readonly [string, readonly number[], Specification])[])('%s', (_name, shape, specification) => {
    expectSame(strided(shape, specification));
  });

  it('refuses what is not there', () => {
    expectRefused(strided([4], { begin: [0], end: [2], strides: [0] }), 'a stride is 0');
    expectRefused(
      strided([4], { begin: [4], end: [5], strides: [1], masks: { shrink_axis: 1 } }),
      'there is no element 4 on axis 0',
    );
    expectRefused(strided([4], { begin: [-5], end: [5], strides: [1], masks: { shrink_axis: 1 } }));
    expectRefused(strided([4], { begin: [1], end: [0], strides: [-1], masks: { shrink_axis: 1 } }));
    expectRefused(strided([4], { begin: [0, 0], end: [1, 1], strides: [1, 1] }), '2 indices');
    expectRefused(
      strided([4, 5], { begin: [0, 0], end: [1, 1], strides: [1, 1], masks: { ellipsis: 3 } }),
      'more than one ellipsis',
    );
    expectRefused({ op: 'StridedSlice', inputs: [tensor([4]), vector([0]), vector([1, 1]), vector([1])] });
    expectRefused({ op: 'StridedSlice', inputs: [tensor([4]), scalar(0), scalar(1), scalar(1)] });
  });

  it('agrees with TensorFlow for any masks', () => {
    const bits = fc.integer({ min: 0, max: 7 });
    const numbers = (min: number, max: number): fc.Arbitrary<number[]> =>
      fc.array(fc.integer({ min, max }), { minLength: 3, maxLength: 3 });
    const masks = fc.record({ begin: bits, end: bits, ellipsis: bits, new_axis: bits, shrink_axis: bits });
    const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(shape, numbers(-5, 5), numbers(-5, 5), numbers(-2, 2), masks, (sizes, begin, end, strides, mask) => {
        expectAgrees(strided(sizes, { begin, end, strides, masks: mask }));
      }),
      { numRuns: 1500 },
    );
  });

  it('takes one element at a computed position', () => {
    const position = tensor([1], 'int32');
    const call = (masks: Attributes): Call => ({
      op: 'StridedSlice',
      inputs: [tensor([4, 5]), position, tensor([1], 'int32'), vector([1])],
      attributes: masks,
    });
    expectSame(call({ shrink_axis_mask: { int: 1 } }));
    expectSame(call({ begin_mask: { int: 1 }, end_mask: { int: 1 } }));
    expect((inferred(call({})) as Error).message).toContain('use tf.slice with a fixed size');
  });

  it('its gradient has the shape it was cut from', () => {
    const gradient = (shape: readonly number[]): Call => ({
      op: 'StridedSliceGrad',
      inputs: [vector([4, 5]), vector([1, 0]), vector([3, 0]), vector([1, 2]), tensor(shape)],
      attributes: { end_mask: { int: 2 } },
    });
    expectSame(gradient([2, 3]));
    expectRefused(gradient([2, 4]));
  });
});
