import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparison } from '../../../src/engine/rules/comparison.js';
import { elementwise } from '../../../src/engine/rules/elementwise.js';
import type { Attributes, DType } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import {
  executed,
  expectRefused,
  expectSame,
  filled,
  inferred,
  isMissingKernel,
  isTypeRefusal,
  ruleOf,
  scalar,
  tensor,
} from './tensorflow.js';

const dtypes: readonly DType[] = [
  'float32', 'float64', 'bfloat16', 'float16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string', 'complex64',
]; // prettier-ignore

/** Gradients and the local response take inputs of one shape. */
const sameShape = /Grad$/;
const others = ['AddN', 'ClipByValue', 'L2Loss', 'LRN', 'LRNGrad', 'StaticRegexReplace'];

/** How many inputs an op of the table takes: its rule says so when there are too few. */
function numInputs(op: string): number {
  try {
    ruleOf(op).infer([], {});
  } catch (error) {
    const count = /takes (\d) inputs/.exec((error as Error).message)?.[1];
    if (count !== undefined) return Number(count);
  }
  throw new Error(`${op} takes any number of inputs`);
}

const table = Object.keys({ ...elementwise, ...comparison }).filter(
  (op) => !others.includes(op) && !op.startsWith('Select'),
);
const unary = table.filter((op) => numInputs(op) === 1);
const binary = table.filter((op) => numInputs(op) === 2 && !sameShape.test(op));
const gradients = table.filter((op) => sameShape.test(op));

/** An operand of ones (division by 0 is refused for integers) of a dtype that the op has. */
function operand(op: string, shape: readonly number[]): ReturnType<typeof tensor> {
  const dtype: DType = /^(Logical)/.test(op)
    ? 'bool'
    : /^(Bitwise|LeftShift|RightShift|Invert)/.test(op)
      ? 'int32'
      : 'float32';
  return filled(shape, dtype, 1);
}

describe('elementwise ops', () => {
  it('has the ops of each kind', () => {
    expect([unary.length, binary.length, gradients.length]).toEqual([50, 30, 11]);
  });

  it.each(unary)('%s keeps the shape', (op) => {
    for (const shape of [[], [3], [2, 0], [2, 1, 3]]) expectSame({ op, inputs: [operand(op, shape)] });
  });

  it.each(binary)('%s stretches both inputs', (op) => {
    const pairs = [
      [[], [2, 3]],
      [[3], [2, 3]],
      [
        [2, 1],
        [1, 3],
      ],
      [[0], [1]],
      [
        [4, 1, 0],
        [2, 1],
      ],
    ] as const;
    for (const [a, b] of pairs) expectSame({ op, inputs: [operand(op, a), operand(op, b)] });
    expectRefused(
      { op, inputs: [operand(op, [2, 3]), operand(op, [2])] },
      `${op}: [2, 3] x [2]: shapes do not broadcast`,
    );
    expectRefused({ op, inputs: [operand(op, [0]), operand(op, [3])] });
  });

  it.each(gradients)('%s takes one shape', (op) => {
    for (const shape of [[], [2, 0], [2, 3]]) expectSame({ op, inputs: [tensor(shape), tensor(shape)] });
  });

  it('the gradients of activations refuse shapes that differ', () => {
    for (const op of ['ReluGrad', 'Relu6Grad', 'EluGrad', 'SeluGrad', 'LeakyReluGrad', 'SoftplusGrad']) {
      expectRefused({ op, inputs: [tensor([2, 3]), tensor([3])] }, 'shapes differ');
    }
  });

  it.each([...unary, ...binary, ...gradients])('%s takes the dtypes that TensorFlow takes', (op) => {
    for (const dtype of dtypes) {
      const one = dtype === 'string' ? tensor([2], dtype) : filled([2], dtype, 1);
      const call: Call = { op, inputs: Array.from({ length: numInputs(op) }, () => one) };
      const truth = executed(call);
      if (isTypeRefusal(truth)) expectRefused(call);
      else if (!isMissingKernel(truth)) expectSame(call);
    }
  });

  it('refuses mixed dtypes', () => {
    expectRefused({ op: 'Mul', inputs: [tensor([2]), tensor([2], 'int32')] }, 'dtypes differ (float32, int32)');
    expectRefused({ op: 'Equal', inputs: [tensor([2]), tensor([2], 'bool')] });
  });

  it('broadcasts as TensorFlow for any two shapes', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const call: Call = { op: 'AddV2', inputs: [tensor(a), tensor(b)] };
        if (executed(call) instanceof Error) expectRefused(call);
        else expectSame(call);
      }),
      { numRuns: 300 },
    );
  });

  it('AddN adds a list of one shape', () => {
    expectSame({ op: 'AddN', inputs: [tensor([2, 3]), tensor([2, 3]), tensor([2, 3])] });
    expectSame({ op: 'AddN', inputs: [tensor([])] });
    expectRefused({ op: 'AddN', inputs: [tensor([2, 3]), tensor([3])] });
    const spec = { dtype: 'float32', shape: [2, 3] } as const;
    expect(ruleOf('AddN').flops?.([spec, spec, spec], [spec], {})).toBe(12);
  });

  it('ClipByValue takes scalar bounds or bounds for each element', () => {
    expectSame({ op: 'ClipByValue', inputs: [tensor([2, 3]), scalar(0, 'float32'), scalar(1, 'float32')] });
    expectSame({ op: 'ClipByValue', inputs: [tensor([2, 3]), tensor([2, 3]), tensor([2, 3])] });
    expectSame({ op: 'ClipByValue', inputs: [tensor([2, 3]), tensor([2, 3]), scalar(1, 'float32')] });
    expectRefused({ op: 'ClipByValue', inputs: [tensor([2, 3]), tensor([3]), scalar(1, 'float32')] });
  });

  it('L2Loss gives a scalar', () => {
    expectSame({ op: 'L2Loss', inputs: [tensor([2, 3])] });
    expectSame({ op: 'L2Loss', inputs: [tensor([])] });
  });

  it('LRN takes images', () => {
    expectSame({ op: 'LRN', inputs: [tensor([1, 2, 3, 4])] });
    expectRefused({ op: 'LRN', inputs: [tensor([2, 3, 4])] });
    const images = tensor([1, 2, 3, 4]);
    expectSame({ op: 'LRNGrad', inputs: [images, images, images] });
    expectRefused({ op: 'LRNGrad', inputs: [images, images, tensor([1, 2, 3, 5])] });
  });

  it('StaticRegexReplace takes strings', () => {
    const attributes: Attributes = { pattern: { string: 'a' }, rewrite: { string: 'b' } };
    expectSame({ op: 'StaticRegexReplace', attributes, inputs: [tensor([2, 2], 'string')] });
    expectRefused({ op: 'StaticRegexReplace', attributes, inputs: [tensor([2])] });
  });
});

describe('selection', () => {
  const bool = (shape: readonly number[]): ReturnType<typeof tensor> => tensor(shape, 'bool');

  it('Select does not stretch, but takes a scalar or rows', () => {
    for (const condition of [[2, 3], [], [2]]) {
      expectSame({ op: 'Select', inputs: [bool(condition), tensor([2, 3]), tensor([2, 3])] });
    }
    for (const condition of [[3], [1, 3], [2, 3, 1]]) {
      expectRefused({ op: 'Select', inputs: [bool(condition), tensor([2, 3]), tensor([2, 3])] });
    }
    expectRefused({ op: 'Select', inputs: [bool([2, 3]), tensor([2, 3]), tensor([3])] });
    expectRefused({ op: 'Select', inputs: [tensor([2, 3]), tensor([2, 3]), tensor([2, 3])] });
  });

  it('SelectV2 stretches all three', () => {
    expectSame({ op: 'SelectV2', inputs: [bool([2, 1]), tensor([3]), tensor([])] });
    expectSame({ op: 'SelectV2', inputs: [bool([]), tensor([0]), tensor([1])] });
    expectRefused({ op: 'SelectV2', inputs: [bool([2]), tensor([3]), tensor([])] });
    expectRefused({ op: 'SelectV2', inputs: [bool([2]), tensor([2], 'int32'), tensor([2])] });
  });

  it('names op, shapes and dtypes in an error', () => {
    const error = inferred({ op: 'AddV2', inputs: [tensor([2, 3]), tensor([4])] });
    expect((error as Error).message).toBe(
      'AddV2: [2, 3] x [4]: shapes do not broadcast\n' +
        '  received: float32[2, 3], float32[4]\n' +
        '  expected: sizes that are equal or 1, compared from the last axis on',
    );
  });
});
