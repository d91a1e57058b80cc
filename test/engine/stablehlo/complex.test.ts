import { describe, it } from 'vitest';
import { complexes } from '../../../src/engine/stablehlo/complex.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { expectTensorFlowsNumbers, integers, known, knownScalar, spread, testRules } from './one-op.js';
import type { Given, NamedCase } from './one-op.js';

/** Pairs of real and imaginary parts. */
const complex = (...shape: number[]): Given => ({
  dtype: 'complex64',
  shape,
  elements: spread([...shape, 2]).elements,
});
const z = { inputs: [complex(3, 4)] };
const transforms = [z, { inputs: [complex(2, 3, 8)] }, { inputs: [complex(5)] }, { inputs: [complex(1)] }].map(
  (given) => ({ ...given, tolerance: 1e-5 }),
);

describe.skipIf(plugin.path === undefined)(`complex rules (plugin: ${plugin.reason})`, () => {
  testRules(complexes, {
    Complex: [{ inputs: [spread([2, 3]), spread([3], 0, 1)] }],
    ComplexAbs: [z],
    Conj: [z],
    FFT: transforms,
    IFFT: transforms,
    Imag: [z],
    Real: [z],
  });

  it('does arithmetic with complex numbers by the rules of real ones', async () => {
    const [a, b, vector] = [
      complex(2, 3),
      { ...complex(2, 3), elements: spread([2, 3, 2], 0.5, 2).elements },
      complex(3),
    ];
    const one = (op: string, ...inputs: Given[]): NamedCase => ({ op, given: { inputs, tolerance: 1e-5 } });
    await expectTensorFlowsNumbers([
      ...['Neg', 'Square', 'Exp', 'Sqrt', 'Sigmoid', 'Tanh', 'ZerosLike', 'OnesLike'].map((op) => one(op, a)),
      ...['AddV2', 'Sub', 'Mul', 'RealDiv', 'Equal'].map((op) => one(op, a, b)),
      one('Mul', a, vector),
      one('Reciprocal', b),
      one('Sum', a, known(0)),
      one('Mean', a, known(1)),
      one('Prod', a, known(0, 1)),
      one('Transpose', a, known(1, 0)),
      one('GatherV2', a, integers([2], 1, 0), knownScalar(0)),
      { op: 'MatMul', given: { inputs: [a, complex(3, 2)], tolerance: 1e-5 } },
      { op: 'Cast', given: { inputs: [spread([3])], attributes: { DstT: { type: 'complex64' } } } },
    ]);
  });
});
