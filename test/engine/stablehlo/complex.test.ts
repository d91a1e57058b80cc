import { describe } from 'vitest';
import { complexes } from '../../../src/engine/stablehlo/complex.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { spread, testRules } from './one-op.js';
import type { Given } from './one-op.js';

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
});
