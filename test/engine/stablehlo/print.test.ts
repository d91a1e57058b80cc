import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { printStableHlo } from '../../../src/engine/stablehlo/print.js';
import type { Trace } from '../../../src/engine/trace.js';
import { floats, integers, known, oneOp, spread } from './one-op.js';

/** w ← w - 0.5 · g, whose first input is state. */
const descent: Trace = {
  name: 'gradient descent',
  values: [
    { dtype: 'float32', shape: [2] },
    { dtype: 'float32', shape: [2] },
    { dtype: 'float32', shape: [] },
    { dtype: 'float32', shape: [2] },
    { dtype: 'float32', shape: [2] },
  ],
  inputs: [0, 1],
  outputs: [4],
  constants: new Map([[2, Float32Array.of(0.5)]]),
  nodes: [
    { op: 'Mul', inputs: [1, 2], outputs: [3], attributes: {} },
    { op: 'Sub', inputs: [0, 3], outputs: [4], attributes: {} },
  ],
};

describe('printStableHlo', () => {
  it('prints a module with donated state', () => {
    expect(printStableHlo(descent, { donated: new Map([[0, 0]]) })).toBe(
      [
        'module @gradient_descent attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {',
        '  func.func public @main(%arg0: tensor<2xf32> {tf.aliasing_output = 0 : i32}, %arg1: tensor<2xf32>) -> (tensor<2xf32>) {',
        '    %0 = stablehlo.constant dense<0x3F000000> : tensor<f32>',
        '    %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<2xf32>',
        '    %2 = stablehlo.multiply %arg1, %1 : tensor<2xf32>',
        '    %3 = stablehlo.subtract %arg0, %2 : tensor<2xf32>',
        '    return %3 : tensor<2xf32>',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('leaves out constants that only say a shape', () => {
    expect(printStableHlo(oneOp('Reshape', { inputs: [spread([2, 3]), known(3, 2)] }))).not.toContain('constant');
  });

  it('names an op without a rule and the line that made it', () => {
    const trace: Trace = {
      ...descent,
      nodes: [{ op: 'Mystery', inputs: [0], outputs: [4], attributes: {}, line: 'gpt.ts:41:12' }],
    };
    expect(() => printStableHlo(trace)).toThrow(TrainbookError);
    expect(() => printStableHlo(trace)).toThrow(/no rule for the op Mystery \(gpt\.ts:41:12\)/);
  });

  it('names an input that must be known while tracing', () => {
    const summed: Trace = {
      ...descent,
      inputs: [0, 1],
      values: [
        { dtype: 'float32', shape: [2] },
        { dtype: 'int32', shape: [1] },
        { dtype: 'float32', shape: [] },
      ],
      outputs: [2],
      constants: new Map(),
      nodes: [{ op: 'Sum', inputs: [0, 1], outputs: [2], attributes: {}, line: 'loss.ts:7:3' }],
    };
    expect(() => printStableHlo(summed)).toThrow(/Sum \(loss\.ts:7:3\): the axes must be known while tracing/);
  });

  it('refuses forms of an op that have no rule', () => {
    const diagonal = oneOp('Einsum', { inputs: [spread([3])], attributes: { equation: { string: 'i->ii' } } });
    expect(() => printStableHlo(diagonal)).toThrow(/Einsum: this equation has no rule[^]*received: i->ii/);
    const threeFry = oneOp('StatelessRandomUniformFullIntV2', {
      inputs: [
        known(4),
        { dtype: 'uint64', shape: [1], elements: BigUint64Array.of(1n) },
        { dtype: 'uint64', shape: [2], elements: BigUint64Array.of(0n, 0n) },
        { ...integers([], 2), known: true },
      ],
      attributes: { dtype: { type: 'uint32' } },
    });
    expect(() => printStableHlo(threeFry)).toThrow(/algorithm 2[^]*1 \(Philox\)/);
  });

  it('writes constants by their bits', () => {
    const constant = (given: ReturnType<typeof floats>): string =>
      printStableHlo(oneOp('Neg', { inputs: [{ ...given, known: true }] }))
        .split('\n')[2]
        ?.trim() ?? '';
    expect(constant(floats([2], NaN, NaN))).toBe('%0 = stablehlo.constant dense<0x7FC00000> : tensor<2xf32>');
    expect(constant(floats([2], 1, -2))).toBe('%0 = stablehlo.constant dense<"0x0000803F000000C0"> : tensor<2xf32>');
    expect(constant(floats([2], 0, -0))).toBe('%0 = stablehlo.constant dense<"0x0000000000000080"> : tensor<2xf32>');
    expect(constant(floats([0, 2]))).toBe('%0 = stablehlo.constant dense<> : tensor<0x2xf32>');
    expect(constant(integers([2], -7, -7) as never)).toBe('%0 = stablehlo.constant dense<-7> : tensor<2xi32>');
  });
});
