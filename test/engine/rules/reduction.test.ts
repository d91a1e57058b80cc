import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes, DType } from '../../../src/engine/trace.js';
import { TrainbookError } from '../../../src/error.js';
import type { Call } from './tensorflow.js';
import {
  executed,
  expectRefused,
  expectSame,
  inferred,
  isMissingKernel,
  isTypeRefusal,
  ruleOf,
  scalar,
  tensor,
  vector,
} from './tensorflow.js';

const dtypes: readonly DType[] = [
  'float32',
  'bfloat16',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint32',
  'bool',
  'complex64',
];
const reductions = ['Sum', 'Mean', 'Prod', 'EuclideanNorm', 'Max', 'Min', 'All', 'Any'];
const keep: Attributes = { keep_dims: { bool: true } };
const dtypeOf = (op: string): DType => (op === 'All' || op === 'Any' ? 'bool' : 'float32');

function expectAgrees(call: Call): void {
  const truth = executed(call);
  if (isTypeRefusal(truth)) expectRefused(call);
  else if (!isMissingKernel(truth)) expectSame(call);
}

describe('reductions', () => {
  it.each(reductions)('%s drops or keeps the axes', (op) => {
    const x = tensor([2, 3, 0, 1], dtypeOf(op));
    for (const axes of [
      vector([]),
      vector([0]),
      vector([-1, 1]),
      scalar(2),
      scalar(-4),
      vector([0, 1, 2, 3], 'int64'),
    ]) {
      expectSame({ op, inputs: [x, axes] });
      expectSame({ op, inputs: [x, axes], attributes: keep });
    }
    expectSame({ op, inputs: [tensor([], dtypeOf(op)), vector([])] });
    expectRefused({ op, inputs: [x, vector([4])] }, 'there is no axis 4');
    expectRefused({ op, inputs: [x, vector([-5])] });
    expectRefused({ op, inputs: [x, vector([1, -3])] }, 'an axis appears twice');
    for (const dtype of dtypes) expectAgrees({ op, inputs: [tensor([2, 3], dtype), vector([1])] });
  });

  it('reduces as TensorFlow for any shape and axes', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
    const axes = fc.array(fc.integer({ min: -4, max: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(shape, axes, fc.boolean(), (sizes, list, keepDims) => {
        const call: Call = {
          op: 'Sum',
          inputs: [tensor(sizes), vector(list)],
          attributes: { keep_dims: { bool: keepDims } },
        };
        if (executed(call) instanceof Error) expectRefused(call);
        else expectSame(call);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses axes that are computed', () => {
    const error = inferred({ op: 'Sum', inputs: [tensor([2, 3]), tensor([1], 'int32')] });
    expect(error).toBeInstanceOf(TrainbookError);
    expect((error as Error).message).toContain(
      'Sum: its shape would depend on data: `axis` is not known while tracing',
    );
  });

  it.each(['ArgMax', 'ArgMin'])('%s gives positions', (op) => {
    for (const axis of [0, 1, -1, -2]) {
      expectSame({ op, inputs: [tensor([2, 3]), scalar(axis)] });
      expectSame({ op, inputs: [tensor([2, 3]), scalar(axis)], attributes: { output_type: { type: 'int32' } } });
    }
    expectSame({ op, inputs: [tensor([0, 3]), scalar(1)] });
    expectRefused({ op, inputs: [tensor([0, 3]), scalar(0)] }, 'axis 0 is empty');
    expectRefused({ op, inputs: [tensor([2, 3]), scalar(2)] });
    expectRefused({ op, inputs: [tensor([]), scalar(0)] });
    expectRefused({ op, inputs: [tensor([2, 3]), vector([0])] });
    for (const dtype of dtypes) expectAgrees({ op, inputs: [tensor([2, 3], dtype), scalar(1)] });
  });

  it.each(['Cumsum', 'Cumprod', 'CumulativeLogsumexp'])('%s keeps the shape', (op) => {
    for (const axis of [0, -1])
      expectSame({ op, inputs: [tensor([2, 3]), scalar(axis)], attributes: { reverse: { bool: true } } });
    expectSame({ op, inputs: [tensor([2, 0]), scalar(1)] });
    expectRefused({ op, inputs: [tensor([2, 3]), scalar(2)] });
    expectRefused({ op, inputs: [tensor([]), scalar(0)] });
    expectRefused({ op, inputs: [tensor([2]), vector([0, 0])] });
    for (const dtype of dtypes) expectAgrees({ op, inputs: [tensor([2, 3], dtype), scalar(1)] });
  });

  it('TopKV2 gives values and positions', () => {
    for (const k of [0, 1, 3]) expectSame({ op: 'TopKV2', inputs: [tensor([2, 3]), scalar(k)], numOutputs: 2 });
    expectRefused({ op: 'TopKV2', inputs: [tensor([2, 3]), scalar(4)], numOutputs: 2 }, 'k is 4');
    expectRefused({ op: 'TopKV2', inputs: [tensor([2, 3]), scalar(-1)], numOutputs: 2 });
    expectRefused({ op: 'TopKV2', inputs: [tensor([]), scalar(0)], numOutputs: 2 });
    expectRefused({ op: 'TopKV2', inputs: [tensor([2]), vector([1])], numOutputs: 2 });
    for (const dtype of dtypes)
      expectAgrees({ op: 'TopKV2', inputs: [tensor([2, 3], dtype), scalar(1)], numOutputs: 2 });
  });

  it('Bincount gives a vector', () => {
    expectSame({ op: 'Bincount', inputs: [tensor([5], 'int32'), scalar(3), tensor([5])] });
    expectSame({ op: 'Bincount', inputs: [tensor([5], 'int32'), scalar(3), tensor([0], 'int32')] });
    expectSame({ op: 'Bincount', inputs: [tensor([2, 2], 'int32'), scalar(3), tensor([2, 2])] });
    expectRefused({ op: 'Bincount', inputs: [tensor([5], 'int32'), scalar(3), tensor([4])] });
    expectRefused({ op: 'Bincount', inputs: [tensor([5], 'int32'), scalar(-1), tensor([0])] });
  });

  it('counts the elements it reads', () => {
    const inputs = [
      { dtype: 'float32', shape: [4, 5] },
      { dtype: 'int32', shape: [1] },
    ] as const;
    expect(ruleOf('Sum').flops?.(inputs, [{ dtype: 'float32', shape: [4] }], {})).toBe(20);
  });
});
