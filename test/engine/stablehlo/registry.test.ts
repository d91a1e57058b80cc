import { describe, expect, it } from 'vitest';
import { checkLowering } from '../../../src/engine/stablehlo/check.js';
import { customCall } from '../../../src/engine/stablehlo/custom-call.js';
import { printStableHlo } from '../../../src/engine/stablehlo/print.js';
import { registerLowering } from '../../../src/engine/stablehlo/registry.js';
import type { LoweringRule } from '../../../src/engine/stablehlo/rule.js';
import { plugin, testClient } from '../pjrt/cpu-plugin.js';
import { bfloat16, known, oneOp, special, spread } from './one-op.js';

/** min(max(x, 0), 6) as one op of StableHLO. */
const clamped: LoweringRule = (op, write) => {
  const x = op.input(0);
  const [low, high] = [write.fill({ dtype: x.dtype, shape: [] }, 0), write.fill({ dtype: x.dtype, shape: [] }, 6)];
  const scalar = 'tensor<f32>';
  const type = `tensor<${[...x.shape, 'f32'].join('x')}>`;
  return write.emit(
    x,
    `stablehlo.clamp ${low.name}, ${x.name}, ${high.name} : (${scalar}, ${type}, ${scalar}) -> ${type}`,
  );
};

describe('registerLowering', () => {
  const trace = oneOp('Relu6', { inputs: [spread([4])] });

  it('gives an op another rule, until it is taken back', () => {
    const undo = registerLowering('Relu6', clamped);
    expect(printStableHlo(trace)).toContain('stablehlo.clamp');
    const undoSecond = registerLowering('Relu6', customCall('acme.relu6', { attributes: { api_version: '4 : i32' } }));
    expect(printStableHlo(trace)).toContain(
      'stablehlo.custom_call @acme.relu6(%arg0) {api_version = 4 : i32} : (tensor<4xf32>) -> (tensor<4xf32>)',
    );
    undoSecond();
    expect(printStableHlo(trace)).toContain('stablehlo.clamp');
    undo();
    undo();
    expect(printStableHlo(trace)).not.toContain('stablehlo.clamp');
  });

  it('gives a rule to an op that has none', () => {
    const unknown = { ...trace, nodes: trace.nodes.map((node) => ({ ...node, op: 'Mystery', line: 'gpt.ts:41:12' })) };
    expect(() => printStableHlo(unknown)).toThrow(
      /no rule for the op Mystery \(gpt\.ts:41:12\)[^]*registerLowering\('Mystery', \(op, write\) => …\)/,
    );
    const undo = registerLowering('Mystery', clamped);
    expect(printStableHlo(unknown)).toContain('stablehlo.clamp');
    undo();
  });

  it('names a rule that makes another value than the op has', () => {
    const undo = registerLowering('Relu6', (op, write) => write.fill({ ...op.output, dtype: 'int32' }, 0));
    expect(() => printStableHlo(trace)).toThrow(
      /the rule of Relu6 makes another value than the op has[^]*received: tensor<4xi32>[^]*expected: tensor<4xf32>/,
    );
    undo();
  });

  it('says why an op cannot have a rule', () => {
    const where = { ...trace, nodes: trace.nodes.map((node) => ({ ...node, op: 'Where' })) };
    expect(() => printStableHlo(where)).toThrow(/no rule for the op Where: its shape depends on the data/);
  });
});

describe.skipIf(plugin.path === undefined)(`checkLowering (plugin: ${plugin.reason})`, () => {
  const inputs = [spread([20], -3, 9)];

  it('compares a rule with the one in force', async () => {
    expect(await checkLowering(testClient(), { op: 'Relu6', inputs, rule: clamped })).toBe(0);
    expect(await checkLowering(testClient(), { op: 'Sum', inputs: [spread([3, 4]), known(1)], rule: (op, write) =>
      write.reduce('add', op.input(0), write.fill({ dtype: 'float32', shape: [] }, 0), [1]) })).toBe(0); // prettier-ignore
  });

  it('finds a number that differs, and a NaN that is missing', async () => {
    const wrong: LoweringRule = (op, write) => write.binary('maximum', op.input(0), write.fill(op.output, 0));
    await expect(checkLowering(testClient(), { op: 'Relu6', inputs, rule: wrong })).rejects.toThrow(
      /the rule of Relu6 differs from its reference at place \d+ of output 0/,
    );
    const holes: LoweringRule = (op, write) => write.fill(op.output, 1);
    await expect(checkLowering(testClient(), { op: 'Exp', inputs: [special], rule: holes })).rejects.toThrow(/NaN/);
    const rounded: LoweringRule = (op, write) => write.unary('exponential', op.input(0));
    expect(await checkLowering(testClient(), { op: 'Exp', inputs: [bfloat16(spread([4]))], rule: rounded })).toBe(0);
  });

  it('runs a custom call that the plugin knows', async () => {
    const rule = customCall('mhlo.erf', { attributes: { 'mhlo.attributes': '{}', 'mhlo.version': '1 : i64' } });
    expect(await checkLowering(testClient(), { op: 'Erf', inputs: [spread([40], -4, 4)], rule })).toBeLessThan(1e-6);
  });
});
