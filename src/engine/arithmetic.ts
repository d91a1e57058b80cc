import * as tf from '@tensorflow/tfjs';
import { binding, isNative, wrapTensor } from './backend.js';
import { op1 } from './op.js';
import type { Attributes } from './trace.js';

/**
 * Elementwise arithmetic in float64, so that a formula written once runs as TensorFlow ops (eager or traced) or over plain arrays.
 *
 * Backends differ by some units in the last place of log, cos and sqrt, and compilers contract a·b + c. In float64 these differences
 * are near 1e-16, and what is rounded to float32 at the end is the same number but for about one in 10⁸.
 */
export interface Arithmetic<Values> {
  fromInt32(bits: tf.Tensor): Values;
  fromFloat32(x: tf.Tensor): Values;
  toFloat32(values: Values, shape: readonly number[]): tf.Tensor;
  add(a: Values, b: Values): Values;
  multiply(a: Values, b: Values): Values;
  /** scale · x + offset */
  affine(x: Values, scale: number, offset: number): Values;
  floor(x: Values): Values;
  log(x: Values): Values;
  sqrt(x: Values): Values;
  cos(x: Values): Values;
  sin(x: Values): Values;
  /** The index of the largest value of each row of `width`; the first of equal ones. int32 of `shape`. */
  argMax(x: Values, width: number, shape: readonly number[]): tf.Tensor;
}

const float64: Attributes = { T: { type: 'float64' } };

const cast = (x: tf.Tensor, from: 'int32' | 'float32' | 'float64', to: 'float32' | 'float64') =>
  op1('Cast', [x], { SrcT: { type: from }, DstT: { type: to }, Truncate: { bool: false } });

const constant = (value: number) =>
  wrapTensor(binding.addHost({ dtype: 'float64', shape: [] }, Float64Array.of(value)));

/** As TensorFlow ops; values are tensors of a dtype that tfjs itself does not know. */
const tensorArithmetic: Arithmetic<tf.Tensor> = {
  fromInt32: (bits) => cast(bits, 'int32', 'float64'),
  fromFloat32: (x) => cast(x, 'float32', 'float64'),
  toFloat32: (values, shape) => tf.reshape(cast(values, 'float64', 'float32'), [...shape]),
  add: (a, b) => op1('AddV2', [a, b], float64),
  multiply: (a, b) => op1('Mul', [a, b], float64),
  affine(x, scale, offset) {
    const scaled = scale === 1 ? x : op1('Mul', [x, constant(scale)], float64);
    return offset === 0 ? scaled : op1('AddV2', [scaled, constant(offset)], float64);
  },
  floor: (x) => op1('Floor', [x], float64),
  log: (x) => op1('Log', [x], float64),
  sqrt: (x) => op1('Sqrt', [x], float64),
  cos: (x) => op1('Cos', [x], float64),
  sin: (x) => op1('Sin', [x], float64),
  argMax(x, width, shape) {
    const rows = op1('Reshape', [x, tf.tensor1d([-1, width], 'int32')], { ...float64, Tshape: { type: 'int32' } });
    const attributes: Attributes = { ...float64, Tidx: { type: 'int32' }, output_type: { type: 'int32' } };
    return tf.reshape(op1('ArgMax', [rows, tf.scalar(1, 'int32')], attributes), [...shape]);
  },
};

/** Over plain arrays, for backends without TensorFlow. */
const arrayArithmetic: Arithmetic<Float64Array> = {
  fromInt32: (bits) => Float64Array.from(bits.dataSync()),
  fromFloat32: (x) => Float64Array.from(x.dataSync()),
  toFloat32: (values, shape) => tf.tensor(Float32Array.from(values), [...shape], 'float32'),
  add: (a, b) => a.map((value, index) => value + (b[index] ?? 0)),
  multiply: (a, b) => a.map((value, index) => value * (b[index] ?? 0)),
  affine: (x, scale, offset) => x.map((value) => scale * value + offset),
  floor: (x) => x.map((value) => Math.floor(value)),
  log: (x) => x.map((value) => Math.log(value)),
  sqrt: (x) => x.map((value) => Math.sqrt(value)),
  cos: (x) => x.map((value) => Math.cos(value)),
  sin: (x) => x.map((value) => Math.sin(value)),
  argMax(x, width, shape) {
    const places = Int32Array.from({ length: x.length / width }, (_, row) => {
      let best = 0;
      for (let place = 1; place < width; place++) {
        if ((x[row * width + place] ?? 0) > (x[row * width + best] ?? 0)) best = place;
      }
      return best;
    });
    return tf.tensor(places, [...shape], 'int32');
  },
};

/** Calls a formula with the arithmetic of the backend in use. */
export function withArithmetic<Result>(formula: <Values>(arithmetic: Arithmetic<Values>) => Result): Result {
  return isNative() ? formula(tensorArithmetic) : formula(arrayArithmetic);
}
