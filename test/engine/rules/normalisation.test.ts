import { describe, expect, it } from 'vitest';
import type { Call } from './tensorflow.js';
import { expectRefused, expectSame, ruleOf, tensor } from './tensorflow.js';

describe('normalisation', () => {
  it.each(['Softmax', 'LogSoftmax'])('%s keeps the shape, five operations an element', (op) => {
    for (const shape of [[3], [2, 3], [2, 4, 3], [0, 3]]) expectSame({ op, inputs: [tensor(shape)] });
    expectRefused({ op, inputs: [tensor([])] });
    expectRefused({ op, inputs: [tensor([2], 'int32')] });
    expect(ruleOf(op).flops?.([], [{ dtype: 'float32', shape: [2, 3] }], {})).toBe(30);
  });

  it('cross entropy gives the loss and its gradient', () => {
    const loss = (logits: readonly number[], labels: readonly number[]): Call => ({
      op: 'SoftmaxCrossEntropyWithLogits',
      inputs: [tensor(logits), tensor(labels)],
      numOutputs: 2,
    });
    expectSame(loss([4, 5], [4, 5]));
    expectSame(loss([4, 5], [1, 5]));
    expectSame(loss([0, 5], [0, 5]));
    expectRefused(loss([4, 5], [3, 5]));
    expectRefused(loss([5], [5]));
    const sparse = (logits: readonly number[], labels: readonly number[]): Call => ({
      op: 'SparseSoftmaxCrossEntropyWithLogits',
      inputs: [tensor(logits), tensor(labels, 'int32')],
      numOutputs: 2,
    });
    expectSame(sparse([4, 5], [4]));
    expectRefused(sparse([4, 5], [3]));
    expectRefused(sparse([4, 5], [4, 1]));
    expectRefused(sparse([2, 4, 5], [2, 4]));
  });

  it('BiasAdd and its gradient', () => {
    for (const shape of [
      [4, 3],
      [2, 4, 3],
      [2, 4, 4, 3],
    ]) {
      expectSame({ op: 'BiasAdd', inputs: [tensor(shape), tensor([3])] });
      expectSame({ op: 'BiasAddGrad', inputs: [tensor(shape)] });
    }
    expectSame({
      op: 'BiasAdd',
      inputs: [tensor([2, 3, 4, 5]), tensor([3])],
      attributes: { data_format: { string: 'NCHW' } },
    });
    expectRefused({ op: 'BiasAdd', inputs: [tensor([4, 3]), tensor([4])] });
    expectRefused({ op: 'BiasAdd', inputs: [tensor([3]), tensor([3])] });
    expectRefused({ op: 'BiasAdd', inputs: [tensor([4, 3]), tensor([1, 3])] });
    expectRefused({ op: 'BiasAddGrad', inputs: [tensor([3])] });
  });

  it('FusedBatchNorm gives five tensors', () => {
    const norm = (x: readonly number[], channels: number, training: boolean, statistics = channels): Call => ({
      op: 'FusedBatchNorm',
      inputs: [tensor(x), tensor([channels]), tensor([channels]), tensor([statistics]), tensor([statistics])],
      attributes: { is_training: { bool: training } },
      numOutputs: 5,
    });
    expectSame(norm([2, 4, 5, 3], 3, false));
    expectSame(norm([2, 4, 5, 3], 3, true, 0));
    expectRefused(norm([2, 4, 5, 3], 4, false));
    expectRefused(norm([4, 5, 3], 3, false));
  });
});
