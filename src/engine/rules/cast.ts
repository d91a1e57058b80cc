/** Ops that change what the elements are: conversions, bit patterns, complex parts. None counts as arithmetic but the absolute value. */
import { bytesPerElement } from '../trace.js';
import { broadcastInputs } from './broadcast.js';
import { numbers, requireDtype } from './dtypes.js';
import { takeInputs } from './inputs.js';
import { typeOf } from './attributes.js';
import { noFlops, perOutputElement } from './flops.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

const cast: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x] = takeInputs(op, inputs, 'x');
    const dtype = typeOf(attributes, 'DstT');
    requireDtype(op, [...numbers, 'bool'], x);
    if (dtype === 'string' || dtype === 'resource') refuse(op, inputs, `cannot become ${dtype}`, 'numbers or bool');
    return [{ dtype, shape: x.spec.shape }];
  },
  flops: noFlops,
});

/** The same bytes read as another dtype: uint8[4, 4] ↔ uint32[4]; a wider one takes the last axis in, a narrower one adds an axis. */
const bitcast: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x] = takeInputs(op, inputs, 'input');
    const { shape } = x.spec;
    const from = requireDtype(op, numbers, x);
    const to = typeOf(attributes, 'type');
    if (from === 'string' || from === 'resource' || to === 'string' || to === 'resource' || !numbers.includes(to)) {
      return refuse(op, inputs, `${from} does not become ${to}`, `one of ${numbers.join(', ')}`);
    }
    const ratio = bytesPerElement[from] / bytesPerElement[to];
    if (ratio === 1) return [{ dtype: to, shape }];
    if (ratio > 1) return [{ dtype: to, shape: [...shape, ratio] }];
    if (shape.at(-1) !== 1 / ratio) refuse(op, inputs, `${from} does not become ${to}`, `a last axis of ${1 / ratio}`);
    return [{ dtype: to, shape: shape.slice(0, -1) }];
  },
  flops: noFlops,
});

const complex: RuleMaker = (op) => ({
  infer(inputs) {
    const [real, imaginary] = takeInputs(op, inputs, 'real', 'imag');
    requireDtype(op, ['float32'], real, imaginary);
    return [{ dtype: 'complex64', shape: broadcastInputs(op, inputs) }];
  },
  flops: noFlops,
});

const part: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 'input');
    requireDtype(op, ['complex64'], x);
    return [{ dtype: 'float32', shape: x.spec.shape }];
  },
  flops: noFlops,
});

const conjugate: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 'input');
    return [{ dtype: requireDtype(op, ['complex64'], x), shape: x.spec.shape }];
  },
});

/** |x| = sqrt(real² + imaginary²): four operations. */
const magnitude: RuleMaker = (op) => ({
  ...part(op),
  flops: perOutputElement(4),
});

export const conversion = named({
  Cast: cast,
  Bitcast: bitcast,
  Complex: complex,
  ...each(['Real', 'Imag'], part),
  Conj: conjugate,
  ComplexAbs: magnitude,
});
