import { describe, it } from 'vitest';
import type { Call } from './tensorflow.js';
import { expectRefused, expectSame, scalar, tensor, vector } from './tensorflow.js';

describe('joining', () => {
  it('ConcatV2 joins along an axis that is there', () => {
    for (const axis of [0, -2])
      expectSame({ op: 'ConcatV2', inputs: [tensor([2, 3]), tensor([4, 3]), tensor([0, 3]), scalar(axis)] });
    expectSame({ op: 'ConcatV2', inputs: [tensor([2, 3], 'bool'), tensor([2, 1], 'bool'), scalar(1)] });
    expectRefused(
      { op: 'ConcatV2', inputs: [tensor([2, 3]), tensor([4, 3]), scalar(1)] },
      'shapes differ beside axis 1',
    );
    expectRefused({ op: 'ConcatV2', inputs: [tensor([2, 3]), tensor([3]), scalar(0)] });
    expectRefused({ op: 'ConcatV2', inputs: [tensor([2, 3]), tensor([2, 3]), scalar(2)] });
    expectRefused({ op: 'ConcatV2', inputs: [tensor([]), tensor([]), scalar(0)] });
    expectRefused({ op: 'ConcatV2', inputs: [tensor([2]), scalar(0)] }, 'one tensor');
    expectRefused({ op: 'ConcatV2', inputs: [tensor([2]), tensor([2], 'int32'), scalar(0)] });
  });

  it('Pack joins along an axis that is not', () => {
    for (const axis of [0, 1, 2, -1, -3]) {
      expectSame({ op: 'Pack', inputs: [tensor([2, 3]), tensor([2, 3])], attributes: { axis: { int: axis } } });
    }
    expectSame({ op: 'Pack', inputs: [tensor([])] });
    expectRefused({ op: 'Pack', inputs: [tensor([2]), tensor([3])] });
    expectRefused({ op: 'Pack', inputs: [tensor([2]), tensor([2])], attributes: { axis: { int: 2 } } });
  });
});

describe('parting', () => {
  it('Unpack takes an axis apart', () => {
    const unpack = (shape: readonly number[], axis: number, num: number): Call => ({
      op: 'Unpack',
      inputs: [tensor(shape)],
      attributes: { axis: { int: axis }, num: { int: num } },
      numOutputs: num,
    });
    expectSame(unpack([2, 3], 0, 2));
    expectSame(unpack([2, 3], -1, 3));
    expectRefused(unpack([2, 3], 0, 3));
    expectRefused(unpack([2, 3], 2, 3));
    expectRefused(unpack([], 0, 1));
  });

  it('Split makes equal parts', () => {
    const split = (shape: readonly number[], axis: number, num: number): Call => ({
      op: 'Split',
      inputs: [scalar(axis), tensor(shape)],
      attributes: { num_split: { int: num } },
      numOutputs: num,
    });
    expectSame(split([2, 6], 1, 3));
    expectSame(split([2, 6], -2, 2));
    expectSame(split([0, 6], 0, 2));
    expectRefused(split([2, 6], 1, 4));
    expectRefused(split([2, 6], 2, 2));
  });

  it('SplitV makes parts of given sizes', () => {
    const split = (shape: readonly number[], sizes: readonly number[], axis: number, num = sizes.length): Call => ({
      op: 'SplitV',
      inputs: [tensor(shape), vector(sizes), scalar(axis)],
      attributes: { num_split: { int: num } },
      numOutputs: num,
    });
    expectSame(split([2, 6], [1, 2, 3], 1));
    expectSame(split([2, 6], [1, -1], -1));
    expectSame(split([2, 6], [0, 2], 0));
    expectSame(split([2, 6], [6, -1], 1));
    expectSame(split([2, 6], [6], 1));
    expectRefused(split([2, 6], [1, 2], 1), 'axis 1 does not part into 1 + 2');
    expectRefused(split([2, 6], [7, -1], 1));
    expectRefused(split([2, 6], [-1, -1], 1));
    expectRefused(split([2, 6], [8, -2], 1));
    expectRefused(split([2, 6], [3, 3], 1, 3));
    expectRefused(split([2, 6], [3, 3], 2));
  });
});
