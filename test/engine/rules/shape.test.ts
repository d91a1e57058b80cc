import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, inferred, rows, ruleOf, scalar, tensor, vector } from './tensorflow.js';

const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });

/** Refused by both or the same in both. */
function expectAgrees(call: Call): void {
  if (executed(call) instanceof Error) expectRefused(call);
  else expectSame(call);
}

describe('Reshape', () => {
  const reshape = (shape: readonly number[], to: readonly number[]): Call => ({
    op: 'Reshape',
    inputs: [tensor(shape), vector(to)],
  });

  it('fills the sizes', () => {
    expectSame(reshape([2, 3], [3, 2]));
    expectSame(reshape([2, 3], [-1]));
    expectSame(reshape([2, 3, 4], [4, -1, 2]));
    expectSame(reshape([1], []));
    expectSame(reshape([], [1, 1]));
    expectSame(reshape([0, 3], [3, 0]));
    expectSame(reshape([0, 3], [-1, 3]));
    expectSame(reshape([0, 3], [-1, 0]));
    expectSame({ op: 'Reshape', inputs: [tensor([2, 3], 'bool'), vector([6], 'int64')] });
  });

  it('refuses what does not fit', () => {
    expectRefused(reshape([2, 3], [4]), 'Reshape: [2, 3]: 6 elements do not fill [4]');
    expectRefused(reshape([2, 3], [4, -1]));
    expectRefused(reshape([2, 3], [-1, -1]), 'more than one -1');
    expectRefused(reshape([2, 3], [-2, -3]));
    expectRefused({ op: 'Reshape', inputs: [tensor([2, 3]), rows([[2, 3]])] });
  });

  it('agrees with TensorFlow for any shapes', () => {
    const wanted = fc.array(fc.integer({ min: -1, max: 4 }), { maxLength: 4 });
    fc.assert(fc.property(shapes, wanted, (shape, to) => { expectAgrees(reshape(shape, to)); }), { numRuns: 300 }); // prettier-ignore
  });

  it('must know the shape', () => {
    expect((inferred({ op: 'Reshape', inputs: [tensor([2, 3]), tensor([2], 'int32')] }) as Error).message).toBe(
      'Reshape: its shape would depend on data: `shape` is not known while tracing\n' +
        '  expected: shapes that follow from the shapes of the inputs and from numbers\n' +
        '  to fix: make `shape` from numbers and shapes; or compute it outside of the compiled function and pass it as a number (a new value traces again)',
    );
  });

  it('costs nothing', () => {
    expect(ruleOf('Reshape').flops?.([], [{ dtype: 'float32', shape: [6] }], {})).toBe(0);
  });
});

describe('ops on axes', () => {
  it('Transpose orders the axes', () => {
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ])
      expectSame({ op: 'Transpose', inputs: [tensor([2, 3, 4]), vector(order)] });
    expectSame({ op: 'Transpose', inputs: [tensor([]), vector([])] });
    expectSame({ op: 'Transpose', inputs: [tensor([0, 3]), vector([1, 0], 'int64')] });
    for (const order of [
      [0, 1],
      [0, 0, 1],
      [0, 1, 3],
      [0, 1, 2, 3],
    ]) {
      expectRefused({ op: 'Transpose', inputs: [tensor([2, 3, 4]), vector(order)] }, 'is no order of its axes');
    }
    expectSame({ op: 'Transpose', inputs: [tensor([2, 3]), vector([-1, 0])] });
    expectRefused({ op: 'Transpose', inputs: [tensor([2, 3]), vector([-1, 1])] });
  });

  it('ExpandDims puts a 1 in', () => {
    for (const axis of [0, 1, 2, -1, -2, -3]) expectSame({ op: 'ExpandDims', inputs: [tensor([2, 3]), scalar(axis)] });
    expectSame({ op: 'ExpandDims', inputs: [tensor([]), scalar(0)] });
    expectSame({ op: 'ExpandDims', inputs: [tensor([2]), vector([1])] });
    for (const axis of [3, -4]) expectRefused({ op: 'ExpandDims', inputs: [tensor([2, 3]), scalar(axis)] });
    expectRefused({ op: 'ExpandDims', inputs: [tensor([2, 3]), vector([0, 1])] });
  });

  it('Squeeze takes 1s out', () => {
    const squeeze = (shape: readonly number[], axes: readonly number[]): Call => ({
      op: 'Squeeze',
      inputs: [tensor(shape)],
      attributes: { squeeze_dims: { ints: axes } },
    });
    for (const axes of [[], [0], [2], [-1], [0, -1]]) expectSame(squeeze([1, 3, 1], axes));
    expectSame(squeeze([], []));
    expectSame(squeeze([1, 1], [0, 0]));
    for (const axes of [[1], [3], [-4]]) expectRefused(squeeze([1, 3, 1], axes));
  });

  it('ReverseV2 keeps the shape', () => {
    for (const axes of [[], [0], [1, 0], [-1]]) expectSame({ op: 'ReverseV2', inputs: [tensor([2, 3]), vector(axes)] });
    for (const axes of [[2], [-3], [0, 0], [1, -1]])
      expectRefused({ op: 'ReverseV2', inputs: [tensor([2, 3]), vector(axes)] });
    expectRefused({ op: 'ReverseV2', inputs: [tensor([2, 3]), scalar(0)] });
  });

  it('Roll keeps the shape, also by a computed shift', () => {
    expectSame({ op: 'Roll', inputs: [tensor([2, 3]), scalar(1), scalar(1)] });
    expectSame({ op: 'Roll', inputs: [tensor([2, 3]), vector([1, -5]), vector([0, -1])] });
    expectSame({ op: 'Roll', inputs: [tensor([2, 3]), tensor([], 'int32'), scalar(0)] });
    expectRefused({ op: 'Roll', inputs: [tensor([2, 3]), scalar(1), scalar(2)] });
    expectRefused({ op: 'Roll', inputs: [tensor([2, 3]), scalar(1), vector([0, 1])] });
    expectRefused({ op: 'Roll', inputs: [tensor([]), scalar(1), scalar(0)] });
  });
});

describe('ops that stretch', () => {
  it('BroadcastTo stretches', () => {
    const to = (shape: readonly number[], wanted: readonly number[]): Call => ({
      op: 'BroadcastTo',
      inputs: [tensor(shape), vector(wanted)],
    });
    expectSame(to([3], [2, 3]));
    expectSame(to([], [2, 3]));
    expectSame(to([2, 1], [2, 0]));
    expectSame(to([2, 3], [2, 3]));
    expectRefused(to([3], [2, 4]), 'BroadcastTo: [3]: does not stretch to [2, 4]');
    expectRefused(to([2, 3], [3]));
    expectRefused(to([2, 3], [1, 3]));
    expectRefused(to([2, 3], [-1, 3]));
    fc.assert(fc.property(shapes, shapes, (shape, wanted) => { expectAgrees(to(shape, wanted)); }), { numRuns: 300 }); // prettier-ignore
  });

  it('BroadcastArgs gives a shape', () => {
    expectSame({ op: 'BroadcastArgs', inputs: [vector([2, 1]), vector([4, 1, 3])] });
    expectSame({ op: 'BroadcastArgs', inputs: [vector([]), vector([3])] });
    expectRefused({ op: 'BroadcastArgs', inputs: [vector([2]), vector([3])] });
  });

  it('Tile repeats', () => {
    expectSame({ op: 'Tile', inputs: [tensor([2, 3]), vector([2, 0])] });
    expectSame({ op: 'Tile', inputs: [tensor([]), vector([])] });
    expectSame({ op: 'Tile', inputs: [tensor([2, 0, 1]), vector([1, 3, 4], 'int64')] });
    expectRefused({ op: 'Tile', inputs: [tensor([2, 3]), vector([2])] });
    expectRefused({ op: 'Tile', inputs: [tensor([2, 3]), vector([2, -1])] });
  });

  it.each(['Pad', 'PadV2'])('%s adds before and after', (op) => {
    const value = op === 'PadV2' ? [scalar(0, 'float32')] : [];
    expectSame({ op, inputs: [tensor([2, 3]), rows([[1, 2], [0, 3]]), ...value] }); // prettier-ignore
    expectSame({ op, inputs: [tensor([0]), rows([[1, 0]], 'int64'), ...value] });
    expectSame({ op, inputs: [tensor([]), rows([]), ...value] });
    expectRefused({ op, inputs: [tensor([2, 3]), rows([[1, 2]]), ...value] });
    expectRefused({ op, inputs: [tensor([2]), rows([[1, -2]]), ...value] });
    expectRefused({ op, inputs: [tensor([2]), vector([1, 2]), ...value] });
  });

  it('PadV2 takes one value of the dtype', () => {
    expectRefused({ op: 'PadV2', inputs: [tensor([2]), rows([[1, 2]]), vector([0], 'float32')] });
    expectRefused({ op: 'PadV2', inputs: [tensor([2]), rows([[1, 2]]), scalar(0, 'int32')] });
  });

  it('MirrorPad has only so much to mirror', () => {
    const mirror = (mode: string, amounts: readonly [number, number]): Call => ({
      op: 'MirrorPad',
      inputs: [tensor([3]), rows([amounts])],
      attributes: { mode: { string: mode } },
    });
    expectSame(mirror('REFLECT', [2, 1]));
    expectSame(mirror('SYMMETRIC', [3, 0]));
    expectRefused(mirror('REFLECT', [3, 0]), 'cannot mirror 3 of its 3 elements');
    expectRefused(mirror('SYMMETRIC', [0, 4]));
  });

  it('InvertPermutation keeps the shape', () => {
    expectSame({ op: 'InvertPermutation', inputs: [vector([2, 0, 1])] });
    expectRefused({ op: 'InvertPermutation', inputs: [scalar(0)] });
  });

  it('Shape, Size and Rank are small tensors', () => {
    const long: Attributes = { out_type: { type: 'int64' } };
    for (const shape of [[], [2, 0, 3]]) {
      for (const op of ['Shape', 'Size']) {
        expectSame({ op, inputs: [tensor(shape)] });
        expectSame({ op, inputs: [tensor(shape)], attributes: long });
      }
      expectSame({ op: 'Rank', inputs: [tensor(shape)] });
    }
  });
});
