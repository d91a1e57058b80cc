import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, filled, inferred, ruleOf, scalar, tensor, vector } from './tensorflow.js';

describe('tensors of numbers', () => {
  it('Fill', () => {
    expectSame({ op: 'Fill', inputs: [vector([2, 0, 3]), scalar(1, 'float32')] });
    expectSame({ op: 'Fill', inputs: [vector([], 'int64'), tensor([], 'bool')] });
    expectRefused({ op: 'Fill', inputs: [vector([2, -1]), scalar(1)] });
    expectRefused({ op: 'Fill', inputs: [vector([2]), vector([1, 1])] });
  });

  it.each([
    [0, 5, 1],
    [0, 5, 2],
    [5, 0, -1],
    [5, 0, -2],
    [3, 3, 1],
  ] as const)('Range from %d to %d by %d', (start, limit, delta) => {
    for (const dtype of ['int32', 'float32', 'int64'] as const) {
      expectSame({ op: 'Range', inputs: [scalar(start, dtype), scalar(limit, dtype), scalar(delta, dtype)] });
    }
  });

  it('Range of fractions, and against its step', () => {
    const range = (...numbers: readonly number[]): Call => ({
      op: 'Range',
      inputs: numbers.map((number) => scalar(number, 'float32')),
    });
    expectSame(range(0, 1, 0.25));
    expectSame(range(0, 1, 0.3));
    expectRefused(range(0, 1, 0));
    expectRefused(range(0, 1, -1));
    expectRefused(range(1, 0, 1));
  });

  it('LinSpace', () => {
    const space = (num: number): Call => ({
      op: 'LinSpace',
      inputs: [scalar(0, 'float32'), scalar(1, 'float32'), scalar(num)],
    });
    expectSame(space(1));
    expectSame(space(7));
    expectRefused(space(0));
    expectRefused(space(-1));
  });
});

describe('random numbers', () => {
  const algorithm = filled([], 'int32', 1);
  const bits = (shape: readonly number[], key: number, counter: number): Call => ({
    op: 'StatelessRandomUniformFullIntV2',
    inputs: [vector(shape), tensor([key], 'uint64'), tensor([counter], 'uint64'), algorithm],
    attributes: { dtype: { type: 'uint32' } },
  });

  it('bits from key and counter', () => {
    expectSame(bits([2, 3], 1, 2));
    expectSame(bits([], 1, 2));
    expectSame(bits([0], 1, 2));
    // Two words of counter are what Philox reads; TensorFlow does not look.
    expect((inferred(bits([2], 1, 1)) as Error).message).toContain('the counter is too short');
    expect((inferred(bits([2], 2, 2)) as Error).message).toContain('the key is not one word');
    expectRefused(bits([-2], 1, 2));
  });

  it('Multinomial', () => {
    const draw = (logits: readonly number[], count: number): Call => ({
      op: 'Multinomial',
      inputs: [tensor(logits), scalar(count)],
    });
    expectSame(draw([4, 5], 3));
    expectSame({ ...draw([4, 5], 3), attributes: { output_dtype: { type: 'int32' } } });
    expectRefused(draw([5], 3));
    expectRefused(draw([4, 0], 3));
    expectRefused(draw([4, 5], -1));
  });
});

describe('other ops', () => {
  it.each(['FFT', 'IFFT'])('%s keeps the shape', (op) => {
    expectSame({ op, inputs: [tensor([2, 8], 'complex64')] });
    expectRefused({ op, inputs: [tensor([], 'complex64')] });
    expectRefused({ op, inputs: [tensor([8])] });
    // 5 x 16 elements x log2(8)
    expect(ruleOf(op).flops?.([], [{ dtype: 'complex64', shape: [2, 8] }], {})).toBe(240);
  });

  it('IdentityN passes all on', () => {
    expectSame({ op: 'IdentityN', inputs: [tensor([2]), tensor([3], 'bool')], numOutputs: 2 });
  });

  it('XlaOptimizationBarrier passes all on (a derivation: it has no eager kernel)', () => {
    expect(inferred({ op: 'XlaOptimizationBarrier', inputs: [tensor([2]), tensor([3], 'int32')] })).toEqual([
      { dtype: 'float32', shape: [2] },
      { dtype: 'int32', shape: [3] },
    ]);
  });

  it('refuses what only data tells, with what to do instead', () => {
    const error = inferred({ op: 'Where', inputs: [tensor([3], 'bool')] });
    expect(error).toBeInstanceOf(TrainbookError);
    expect((error as Error).message).toContain(
      'Where: its shape would depend on data: how many elements are true is not known while tracing',
    );
    expect((error as Error).message).toContain('use tf.where(condition, a, b)');
    // TensorFlow itself gives as many rows as elements are true.
    expect(executed({ op: 'Where', inputs: [tensor([3], 'bool')] })).toEqual([{ dtype: 'int64', shape: [0, 1] }]);
    expect(executed({ op: 'Where', inputs: [filled([3], 'bool', 1)] })).toEqual([{ dtype: 'int64', shape: [3, 1] }]);
  });
});
