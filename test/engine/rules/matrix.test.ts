import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes, DType } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import {
  executed,
  expectRefused,
  expectSame,
  inferred,
  isMissingKernel,
  isTypeRefusal,
  ruleOf,
  tensor,
} from './tensorflow.js';

const flags = [false, true];
const f32 = (shape: readonly number[]): { readonly dtype: 'float32'; readonly shape: readonly number[] } => ({
  dtype: 'float32',
  shape,
});

describe('matrix products', () => {
  it('MatMul: [m, k] x [k, n] with either side transposed', () => {
    for (const a of flags) {
      for (const b of flags) {
        const attributes: Attributes = { transpose_a: { bool: a }, transpose_b: { bool: b } };
        expectSame({ op: 'MatMul', attributes, inputs: [tensor(a ? [3, 2] : [2, 3]), tensor(b ? [5, 3] : [3, 5])] });
        expectRefused(
          { op: 'MatMul', attributes, inputs: [tensor(a ? [4, 2] : [2, 4]), tensor(b ? [5, 3] : [3, 5])] },
          'inner sizes differ',
        );
      }
    }
    expectSame({ op: 'MatMul', inputs: [tensor([2, 0]), tensor([0, 3])] });
    expectRefused({ op: 'MatMul', inputs: [tensor([1, 2, 3]), tensor([3, 2])] });
    expectRefused({ op: 'MatMul', inputs: [tensor([3]), tensor([3, 2])] });
  });

  it('says what differs', () => {
    expect((inferred({ op: 'MatMul', inputs: [tensor([2, 3]), tensor([2, 3])] }) as Error).message).toBe(
      'MatMul: [2, 3] x [2, 3]: inner sizes differ\n' +
        '  received: float32[2, 3], float32[2, 3]\n' +
        '  expected: as many columns on the left (3) as rows on the right (2), with nothing transposed',
    );
  });

  it('BatchMatMulV2 stretches the axes before the matrices, for any shapes', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shape, shape, fc.boolean(), fc.boolean(), (a, b, adjointA, adjointB) => {
        const attributes: Attributes = { adj_x: { bool: adjointA }, adj_y: { bool: adjointB } };
        const call: Call = { op: 'BatchMatMulV2', inputs: [tensor(a), tensor(b)], attributes };
        if (executed(call) instanceof Error) expectRefused(call);
        else expectSame(call);
      }),
      { numRuns: 400 },
    );
    expectSame({ op: 'BatchMatMulV2', inputs: [tensor([4, 1, 2, 3]), tensor([5, 3, 2])] });
  });

  it.each(['MatMul', 'BatchMatMulV2'])('%s takes the dtypes that TensorFlow takes', (op) => {
    const dtypes: readonly DType[] = [
      'float32',
      'float64',
      'bfloat16',
      'float16',
      'int8',
      'int16',
      'int32',
      'int64',
      'uint8',
      'bool',
      'complex64',
    ];
    for (const dtype of dtypes) {
      const call: Call = { op, inputs: [tensor([2, 2], dtype), tensor([2, 2], dtype)] };
      const truth = executed(call);
      if (isTypeRefusal(truth)) expectRefused(call);
      else if (!isMissingKernel(truth)) expectSame(call);
    }
  });

  it('counts 2 m n k', () => {
    expect(ruleOf('MatMul').flops?.([f32([2, 3]), f32([3, 5])], [f32([2, 5])], {})).toBe(60);
    expect(ruleOf('MatMul').flops?.([f32([3, 2]), f32([3, 5])], [f32([2, 5])], { transpose_a: { bool: true } })).toBe(
      60,
    );
    expect(ruleOf('BatchMatMulV2').flops?.([f32([4, 2, 3]), f32([3, 5])], [f32([4, 2, 5])], {})).toBe(240);
  });

  it('Diag doubles the rank', () => {
    for (const shape of [[3], [2, 3], [0]]) expectSame({ op: 'Diag', inputs: [tensor(shape)] });
    expectRefused({ op: 'Diag', inputs: [tensor([])] });
  });
});

describe('Einsum', () => {
  const einsum = (equation: string, ...shapes: readonly (readonly number[])[]): Call => ({
    op: 'Einsum',
    inputs: shapes.map((shape) => tensor(shape)),
    attributes: { equation: { string: equation } },
  });

  it.each([
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['bhqd,bhkd->bhqk', [2, 3, 4, 5], [2, 3, 6, 5]],
    ['i,j->ij', [2], [3]],
    ['i,i->', [3], [3]],
    ['...ij,...jk->...ik', [5, 1, 2, 3], [4, 3, 2]],
    ['b...,b->...b', [2, 3, 4], [2]],
    ['ij,ij->ji', [2, 0], [2, 0]],
    [',i->i', [], [3]],
  ] as const)('%s', (equation, a, b) => {
    expectSame(einsum(equation, a, b));
  });

  it.each([
    ['ij->ji', [2, 3]],
    ['ij->', [2, 3]],
    ['ii->i', [3, 3]],
    ['ii->', [3, 3]],
    ['...i->...', [2, 3, 4]],
    ['ijk->kij', [2, 3, 4]],
  ] as const)('%s of one tensor', (equation, a) => {
    expectSame(einsum(equation, a));
  });

  it.each([
    ['ij,jk->ik', [2, 3], [4, 5]],
    ['ij,jk->ik', [2, 3, 4], [4, 5]],
    ['ij,jk', [2, 3], [3, 4]],
    ['ij->ij', [2, 3], [3, 4]],
    ['...ij,...jk->ik', [2, 2, 3], [2, 3, 4]],
    ['...i,...i->...', [2, 3], [4, 3]],
    ['ij,jk -> ik', [2, 3], [3, 4]],
  ] as const)('refuses %s', (equation, a, b) => {
    expectRefused(einsum(equation, a, b));
  });

  it('refuses a letter of the result that no input has, which TensorFlow drops without a word', () => {
    expect((inferred(einsum('ij,jk->iz', [2, 3], [3, 4])) as Error).message).toContain(
      "'z' of the result is in no input",
    );
    expect(executed(einsum('ij,jk->iz', [2, 3], [3, 4]))).toEqual([f32([2])]);
  });

  it('counts a product and an addition for each combination', () => {
    const attributes: Attributes = { equation: { string: 'bqd,bkd->bqk' } };
    expect(ruleOf('Einsum').flops?.([f32([2, 3, 4]), f32([2, 5, 4])], [f32([2, 3, 5])], attributes)).toBe(240);
  });
});
