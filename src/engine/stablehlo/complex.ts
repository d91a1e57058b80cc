import type { Spec } from '../trace.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import { sizeAt, typeOf } from './writer.js';
import type { Value, Writer } from './writer.js';

/** Complex numbers and Fourier transforms. */

const part = (write: Writer, name: 'real' | 'imag' | 'abs', x: Value): Value => {
  const result: Spec = { dtype: 'float32', shape: x.shape };
  return write.emit(result, `stablehlo.${name} ${x.name} : (${typeOf(x)}) -> ${typeOf(result)}`);
};

function pair(write: Writer, real: Value, imaginary: Value): Value {
  const result: Spec = { dtype: 'complex64', shape: real.shape };
  return write.emit(result, `stablehlo.complex ${real.name}, ${imaginary.name} : ${typeOf(result)}`);
}

const complex: LoweringRule = (operation, write) => {
  const { shape } = operation.output;
  return pair(write, write.broadcast(operation.input(0), shape), write.broadcast(operation.input(1), shape));
};

const conjugate: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return pair(write, part(write, 'real', x), write.unary('negate', part(write, 'imag', x)));
};

/** Along the last axis. The inverse divides by the number of points. */
const transform =
  (type: 'FFT' | 'IFFT'): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    const length = sizeAt(x.shape, x.shape.length - 1);
    if (length === 0) return x;
    return write.emit(
      x,
      `stablehlo.fft ${x.name}, type = ${type}, length = [${length}] : (${typeOf(x)}) -> ${typeOf(x)}`,
    );
  };

export const complexes: LoweringRules = {
  Complex: complex,
  ComplexAbs: (operation, write) => part(write, 'abs', operation.input(0)),
  Conj: conjugate,
  FFT: transform('FFT'),
  IFFT: transform('IFFT'),
  Imag: (operation, write) => part(write, 'imag', operation.input(0)),
  Real: (operation, write) => part(write, 'real', operation.input(0)),
};
