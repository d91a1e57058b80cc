import { describe, expect, it } from 'vitest';
import { activation } from '../../../src/engine/stablehlo/activation.js';
import { elementwise } from '../../../src/engine/stablehlo/elementwise.js';
import { specialFunctions } from '../../../src/engine/stablehlo/special-functions.js';
import { trigonometry } from '../../../src/engine/stablehlo/trigonometry.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, floats, integers, oneOp, runByPjrt, special, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const wave = spread([3, 4]);
const positive = spread([3, 4], 0.01, 5);
const of = (...inputs: Given[]): Case => ({ inputs });
/** A matrix with a row, a column, a scalar, and three axes with one: all that broadcasting does. */
const pairs = (a: (shape: number[]) => Given, b: (shape: number[]) => Given): Case[] => [
  of(a([3, 4]), b([3, 4])),
  of(a([3, 4]), b([4])),
  of(a([3, 1]), b([3, 4])),
  of(a([]), b([3, 4])),
  of(a([2, 1, 4]), b([3, 1])),
  of(a([0, 4]), b([4])),
];
const wide = (shape: number[]): Given => spread(shape, -3, 3);
const away = (shape: number[]): Given => spread(shape, 0.5, 3, 7);
const signed = integers([9], 7, -7, 7, -7, 0, 6, -6, 2147483647, -2147483648);
const divisors = integers([9], 2, 2, -2, -2, 5, 3, 3, -1, 2);
const [a, b, c] = [spread([2, 3]), spread([2, 3], -1, 1, 5), spread([2, 3], 0, 9, 11)];
const maxima = floats([8], 1, NaN, 3, -0, 0, 2, -3, -2.5);
const nearZero = spread([40], -5, 5);

describe.skipIf(plugin.path === undefined)(`elementwise rules (plugin: ${plugin.reason})`, () => {
  const { XlaOptimizationBarrier, ...compared } = elementwise;
  it('gives the operands of a barrier', async () => {
    expect(XlaOptimizationBarrier).toBeDefined(); // an op of XLA's: TensorFlow's own executor has no kernel
    const trace = oneOp('XlaOptimizationBarrier', {
      inputs: [a, signed],
      attributes: { T: { types: ['float32', 'int32'] } },
    });
    expect(await runByPjrt(trace, [a, signed])).toEqual([a.elements, signed.elements]);
  });

  it('leaves integers as they are when it rounds', async () => {
    expect(await runByPjrt(oneOp('Round', of(signed)), [signed])).toEqual([signed.elements]); // TensorFlow 2.21's kernel gives 0 for 7
  });

  testRules(compared, {
    Abs: [of(wave), of(special), of(signed)],
    Add: pairs(wide, away),
    AddN: [of(a), of(a, b, c)],
    AddV2: [...pairs(wide, away), of(signed, divisors), of(bfloat16(wave), bfloat16(positive))],
    Atan2: pairs(wide, away),
    Ceil: [of(wave), of(special)],
    ClipByValue: [of(wide([3, 4]), floats([], -0.5), floats([], 1))],
    Cos: [of(wave)],
    Cosh: [of(wave)],
    Div: [...pairs(wide, away), of(signed, divisors)],
    DivNoNan: [of(floats([4], 1, -1, 0, NaN), floats([4], 0, 2, 0, 0))],
    Exp: [of(wave), of(special)],
    Expm1: [of(wave), of(floats([3], 1e-8, -1e-8, 0))],
    Floor: [of(wave), of(special)],
    FloorDiv: [of(signed, divisors), ...pairs(wide, away), of(floats([4], 7, -7, 7, -7), floats([4], 2, 2, -2, -2))],
    FloorMod: [of(signed, divisors), ...pairs(wide, away), of(floats([4], 7, -7, 7, -7), floats([4], 2, 2, -2, -2))],
    Identity: [of(wave)],
    IdentityN: [{ inputs: [a, b], attributes: { T: { types: ['float32', 'float32'] } } }],
    Inv: [of(positive)],
    IsFinite: [of(special)],
    IsInf: [of(special)],
    IsNan: [of(special)],
    Log: [of(positive), of(floats([4], 0, -1, Infinity, NaN))],
    Log1p: [of(positive), of(floats([3], 1e-8, -1, 0))],
    Maximum: [...pairs(wide, away), of(special, maxima), of(signed, divisors)],
    Minimum: [...pairs(wide, away), of(special, maxima), of(signed, divisors)],
    Mod: [of(signed, divisors)],
    Mul: [...pairs(wide, away), of(signed, divisors)],
    Neg: [of(wave), of(signed)],
    OnesLike: [of(wave), of(signed)],
    Pow: [
      ...pairs(away, wide),
      of(floats([4], 2, 0, -2, -2), floats([4], -1, 0, 3, 2)),
      of(integers([3], 2, -3, 5), integers([3], 10, 3, 0)),
    ],
    PreventGradient: [of(wave)],
    RealDiv: [...pairs(wide, away), of(floats([3], 1, -1, 0), floats([3], 0, 0, 0))],
    Reciprocal: [of(positive)],
    Rint: [of(floats([6], 0.5, 1.5, 2.5, -0.5, -1.5, 2.4))],
    Round: [of(floats([6], 0.5, 1.5, 2.5, -0.5, -1.5, 2.4))],
    Rsqrt: [of(positive), of(floats([3], 0, Infinity, -1))],
    Sigmoid: [of(wave), of(floats([2], 100, -100))],
    Sign: [of(wave), of(special), of(signed)],
    Sin: [of(wave)],
    Sqrt: [of(positive), of(floats([3], 0, Infinity, -1))],
    Square: [of(wave), of(divisors)],
    SquaredDifference: [...pairs(wide, away), of(divisors, divisors)],
    StopGradient: [of(wave)],
    Sub: [...pairs(wide, away), of(signed, divisors)],
    Tan: [of(spread([6], -1, 1))],
    Tanh: [of(wave), of(special)],
    Xlog1py: [of(floats([3], 0, 2, 3), floats([3], -1, 2, -0.5))],
    Xlogy: [of(floats([3], 0, 2, 3), floats([3], 0, 2, 0.5))],
    ZerosLike: [of(wave), of(signed)],
  });

  const edges = of(floats([5], NaN, Infinity, -Infinity, 0, -0));
  testRules(trigonometry, {
    Acos: [of(spread([9], -1, 1)), of(floats([4], 1, -1, 2, NaN))],
    Acosh: [of(spread([9], 1, 9)), of(floats([5], 1, 0.5, 1e30, Infinity, NaN))],
    Asin: [of(spread([9], -1, 1)), of(floats([4], 1, -1, 2, NaN))],
    Asinh: [of(nearZero), of(floats([3], 1e30, -1e30, 1e-6)), edges],
    Atan: [of(nearZero), edges],
    Atanh: [of(spread([9], -1, 1)), of(floats([5], 1, -1, 2, NaN, 1e-6))],
    Sinh: [of(nearZero), of(floats([3], 1e-6, 89, -89)), edges],
  });

  testRules(specialFunctions, {
    Digamma: [
      of(spread([40], 0.1, 20)),
      { inputs: [spread([20], -3.9, -0.1)], tolerance: 1e-4 },
      of(floats([3], 0.5, 1, 2)),
    ],
    Erf: [of(wave), of(nearZero), edges, of(bfloat16(wave))],
    Erfc: [of(nearZero), of(spread([20], 1, 9)), edges, of(bfloat16(wave))],
    Lgamma: [
      { inputs: [spread([40], 0.1, 20)], tolerance: 1e-5 },
      { inputs: [spread([20], -3.9, -0.1)], tolerance: 1e-5 },
      of(floats([5], 0, 1, 2, Infinity, NaN)),
    ],
  });

  testRules(activation, {
    Elu: [of(wave), of(special)],
    EluGrad: [of(wave, wide([3, 4]))],
    LeakyRelu: [of(wave), { inputs: [wave], attributes: { alpha: { float: 0.01 } } }],
    LeakyReluGrad: [{ inputs: [wave, wide([3, 4])], attributes: { alpha: { float: 0.01 } } }],
    ReciprocalGrad: [of(positive, wave)],
    Relu: [of(wave), of(special), of(signed)],
    Relu6: [of(spread([9], -3, 9)), of(special)],
    Relu6Grad: [of(spread([9]), spread([9], -3, 9))],
    ReluGrad: [of(wave, wide([3, 4])), of(special, floats([8], 1, 1, 1, 0, -0, -1, 2, 1))],
    RsqrtGrad: [of(positive, wave)],
    Selu: [of(wave)],
    SeluGrad: [of(wide([3, 4]), wave)],
    SigmoidGrad: [of(positive, wave)],
    Softplus: [of(wave), of(floats([6], 100, -100, 15, -15, 0, NaN))],
    SoftplusGrad: [of(wide([3, 4]), wave), of(floats([2], 1, 1), floats([2], 100, -100))],
    Softsign: [of(wave)],
    SqrtGrad: [of(positive, wave)],
    TanhGrad: [of(positive, wave)],
  });
});
