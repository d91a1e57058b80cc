import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { DType, Elements } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { expectTensorFlowsNumbers, integers, known, knownScalar } from './one-op.js';
import type { Case, Given } from './one-op.js';

/**
 * Each op on tensors of any shape (also empty ones and scalars), several dtypes, and numbers among which are NaN, infinities and
 * zeros of both signs: the numbers of TensorFlow's kernels. A new op is one line of the tables.
 */

const floats = ['float32', 'float64', 'bfloat16', 'float16'] as const satisfies DType[];
const single = ['float32', 'bfloat16', 'float16'] as const satisfies DType[];
const whole = ['int32', 'int64', 'int8', 'uint8'] as const satisfies DType[];
const wide = ['int32', 'int64'] as const satisfies DType[];

/** The largest difference, relative to the larger of 1 and the number: some units in the last place. */
const tolerances: Partial<Record<DType, number>> = {
  bfloat16: 2 ** -6,
  float16: 2 ** -9,
  float32: 1e-5,
  float64: 1e-9,
};

/** The bits of a float16, rounded towards zero. */
function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size > 65504) return sign | 0x7c00;
  if (size < 2 ** -14) return sign;
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | Math.floor((size / 2 ** exponent - 1) * 1024);
}

function elementsOf(dtype: DType, values: readonly number[]): Elements {
  if (dtype === 'float32') return Float32Array.from(values);
  if (dtype === 'float64') return Float64Array.from(values);
  if (dtype === 'float16') return Uint16Array.from(values, toHalf);
  if (dtype === 'bfloat16') {
    return Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (word) => word >>> 16);
  }
  const numbers = values.map((value) => (Number.isFinite(value) ? Math.trunc(value) : 0));
  if (dtype === 'int8') return Int8Array.from(numbers);
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  if (dtype === 'bool') return Uint8Array.from(numbers, (number) => number & 1);
  return dtype === 'uint8' ? Uint8Array.from(numbers, Math.abs) : Int32Array.from(numbers);
}

interface Range {
  readonly low: number;
  readonly high: number;
  /** Whether NaN, infinities and zeros come as well. Default: yes. */
  readonly special?: boolean;
}

const numbers = ({ low, high, special = true }: Range): fc.Arbitrary<number> => {
  // sixty-fourths: no half float is rounded, and none is so small that devices take it for 0
  const plain = fc.integer({ min: Math.ceil(low * 64), max: Math.floor(high * 64) }).map((n) => n / 64);
  return special
    ? fc.oneof(
        { weight: 6, arbitrary: plain },
        { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 0, -0) },
      )
    : plain;
};

const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });

const tensorOf = (shape: readonly number[], dtype: DType, range: Range): fc.Arbitrary<Given> => {
  const size = shape.reduce((product, length) => product * length, 1);
  return fc
    .array(numbers(range), { minLength: size, maxLength: size })
    .map((values) => ({ dtype, shape, elements: elementsOf(dtype, values) }));
};

const any: Range = { low: -4, high: 4 };

const caseOf = (dtype: DType, inputs: readonly Given[], attributes: Case['attributes'] = {}): Case => ({
  inputs,
  attributes,
  ...(tolerances[dtype] === undefined ? {} : { tolerance: tolerances[dtype] }),
});

/** y = f(x). */
const unary = (dtypes: readonly DType[], range: Range = any): fc.Arbitrary<Case> =>
  fc
    .tuple(shapes, fc.constantFrom(...dtypes))
    .chain(([shape, dtype]) => tensorOf(shape, dtype, range).map((x) => caseOf(dtype, [x])));

/** Two shapes that stretch to one: axes of one of them are 1 or missing. */
const pairs = fc
  .tuple(shapes, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), fc.nat(3), fc.boolean())
  .map(([shape, ones, missing, swap]): [number[], number[]] => {
    const other = shape.map((size, axis) => (ones[axis] === true ? 1 : size)).slice(missing);
    return swap ? [other, shape] : [shape, other];
  });

/** z = f(x, y), stretched. */
const binary = (dtypes: readonly DType[], right: Range = any, left: Range = any): fc.Arbitrary<Case> =>
  fc
    .tuple(pairs, fc.constantFrom(...dtypes))
    .chain(([[a, b], dtype]) =>
      fc.tuple(tensorOf(a, dtype, left), tensorOf(b, dtype, right)).map(([x, y]) => caseOf(dtype, [x, y])),
    );

/** dx = f(y, dy): one shape. */
const gradient = (dtypes: readonly DType[], range: Range = any): fc.Arbitrary<Case> =>
  fc
    .tuple(shapes, fc.constantFrom(...dtypes))
    .chain(([shape, dtype]) =>
      fc.tuple(tensorOf(shape, dtype, range), tensorOf(shape, dtype, range)).map(([x, y]) => caseOf(dtype, [x, y])),
    );

/** Any shape of at least one axis, and some of its axes, counted from either end. */
const withAxes = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  .chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.uniqueArray(fc.nat(shape.length - 1), { maxLength: shape.length }),
      fc.boolean(),
      fc.boolean(),
    ),
  )
  .map(([shape, axes, negative, keep]) => ({
    shape,
    axes: axes.map((axis) => (negative ? axis - shape.length : axis)),
    keep,
  }));

/** A fold of some axes. */
const fold = (dtypes: readonly DType[], range: Range = { low: -4, high: 4, special: false }): fc.Arbitrary<Case> =>
  fc
    .tuple(withAxes, fc.constantFrom(...dtypes))
    .chain(([{ shape, axes, keep }, dtype]) =>
      tensorOf(shape, dtype, range).map((x) => caseOf(dtype, [x, known(...axes)], { keep_dims: { bool: keep } })),
    );

/** Along one axis. */
const along = (
  dtypes: readonly DType[],
  range: Range,
  make: (x: Given, axis: number, dtype: DType) => Case,
): fc.Arbitrary<Case> =>
  fc
    .tuple(withAxes, fc.constantFrom(...dtypes))
    .chain(([{ shape, axes }, dtype]) => tensorOf(shape, dtype, range).map((x) => make(x, axes[0] ?? 0, dtype)));

const positive: Range = { low: 1 / 64, high: 9 };
const notZero: Range = { low: 1, high: 5, special: false };
const small: Range = { low: -3, high: 3, special: false };
const unit: Range = { low: -1, high: 1 };

const ofFloats: Record<string, fc.Arbitrary<Case>> = {
  Abs: unary(floats),
  Acos: unary(floats, unit),
  Acosh: unary(floats, { low: 1, high: 9 }),
  Asin: unary(floats, unit),
  Asinh: unary(floats),
  Atan: unary(floats),
  Atanh: unary(floats, unit),
  Ceil: unary(floats),
  Cos: unary(floats),
  Cosh: unary(floats),
  Elu: unary(floats),
  Erf: unary(single),
  Erfc: unary(single),
  Exp: unary(floats),
  Expm1: unary(floats),
  Floor: unary(floats),
  IsFinite: unary(floats),
  IsInf: unary(floats),
  IsNan: unary(floats),
  Lgamma: unary(['float32', 'float16'], { low: 0.25, high: 9 }),
  Log: unary(floats, positive),
  Log1p: unary(floats, positive),
  Neg: unary(floats),
  Reciprocal: unary(floats, { low: 0.5, high: 9 }),
  Relu: unary(floats),
  Rint: unary(['float32', 'float64']),
  Rsqrt: unary(floats, positive),
  Selu: unary(floats),
  Sigmoid: unary(floats),
  Sign: unary(floats),
  Sin: unary(floats),
  Sinh: unary(floats),
  Softplus: unary(floats),
  Softsign: unary(floats, small),
  Sqrt: unary(floats, positive),
  Square: unary(floats),
  Tan: unary(floats, unit),
  Tanh: unary(floats),
};

const ofTwo: Record<string, fc.Arbitrary<Case>> = {
  AddV2: binary([...floats, ...whole]),
  Atan2: binary(['float32', 'float64']),
  BitwiseAnd: binary(whole, { low: 0, high: 100 }),
  DivNoNan: binary(floats),
  Equal: binary([...floats, ...whole]),
  FloorDiv: binary([...wide, 'float32'], notZero, small),
  FloorMod: binary([...wide, 'float32'], { low: 1, high: 5, special: false }, small),
  Greater: binary([...floats, ...whole]),
  LessEqual: binary([...floats, ...whole]),
  Maximum: binary([...floats, ...wide]),
  Minimum: binary([...floats, ...wide]),
  Mul: binary([...floats, ...whole]),
  NotEqual: binary([...floats, ...whole]),
  Pow: binary(['float32', 'float64'], small, notZero),
  RealDiv: binary(floats),
  SquaredDifference: binary(['float32', 'float64', 'int32']),
  Sub: binary([...floats, ...whole]),
  Xlogy: binary(['float32', 'float64'], positive),
  EluGrad: gradient(floats, small),
  ReluGrad: gradient(floats, small), // an infinite dy at x < 0: TensorFlow has 0 in float32, NaN in float64
  SigmoidGrad: gradient(floats, small),
  SoftplusGrad: gradient(floats, small),
  TanhGrad: gradient(floats, small),
};

const ofAxes: Record<string, fc.Arbitrary<Case>> = {
  Max: fold([...floats, ...wide]),
  Mean: fold(['float32', 'float64', 'bfloat16']),
  Min: fold([...floats, ...wide]),
  Prod: fold(['float32', 'float64', 'int32']),
  Sum: fold(['float32', 'float64', 'bfloat16', 'int32', 'int64']),
  ArgMax: along(['float32', 'int32'], small, (x, axis, dtype) => caseOf(dtype, [x, knownScalar(axis)])),
  ArgMin: along(['float32', 'int32'], small, (x, axis, dtype) => caseOf(dtype, [x, knownScalar(axis)])),
  Cumprod: along(['float32', 'int32'], small, (x, axis, dtype) => caseOf(dtype, [x, knownScalar(axis)])),
  Cumsum: along(['float32', 'int32'], small, (x, axis, dtype) => caseOf(dtype, [x, knownScalar(axis)])),
  ReverseV2: along(['float32', 'int8'], any, (x, axis, dtype) => caseOf(dtype, [x, known(axis)])),
  Roll: along(['float32'], any, (x, axis, dtype) => caseOf(dtype, [x, known(axis * 3 - 2), known(axis)])),
  Softmax: along(floats, small, (x, _, dtype) => caseOf(dtype, [x])),
  LogSoftmax: along(floats, small, (x, _, dtype) => caseOf(dtype, [x])),
  TopKV2: along(['float32', 'int32'], small, (x, _, dtype) =>
    caseOf(dtype, [x, knownScalar((x.shape.at(-1) ?? 1) >> 1)]),
  ),
  ExpandDims: along(['float32'], any, (x, axis, dtype) => caseOf(dtype, [x, knownScalar(axis)])),
  ConcatV2: along(['float32', 'bool'], any, (x, axis, dtype) => caseOf(dtype, [x, x, knownScalar(axis)])),
  Tile: along(['float32'], any, (x, axis, dtype) =>
    caseOf(dtype, [x, known(...x.shape.map((_, k) => (k + axis + 6) % 3))]),
  ),
  GatherV2: along(['float32', 'int64'], any, (x, axis, dtype) =>
    caseOf(dtype, [x, integers([2, 1], 0, (x.shape.at(axis) ?? 1) - 1), knownScalar(axis)]),
  ),
  Transpose: along(['float32'], any, (x, axis, dtype) =>
    caseOf(dtype, [x, known(...x.shape.map((_, k) => (k + axis + 6) % x.shape.length))]),
  ),
};

/** x as another dtype. */
const casts: fc.Arbitrary<Case> = fc
  .tuple(
    shapes,
    fc.constantFrom(...floats, ...whole, 'bool' as const),
    fc.constantFrom(...floats, ...whole, 'bool' as const),
  )
  .chain(([shape, from, to]) =>
    // a negative float has no number in uint8: which one it becomes is the device's choice
    tensorOf(shape, from, { low: to === 'uint8' ? 0 : -4, high: 4, special: false }).map((x) =>
      caseOf(to, [x], { DstT: { type: to } }),
    ),
  );

/** Condition, then, else, each stretched. */
const choices: fc.Arbitrary<Case> = fc
  .tuple(pairs, fc.constantFrom(...floats, ...whole))
  .chain(([[a, b], dtype]) =>
    fc
      .tuple(
        tensorOf(a, 'bool', { low: 0, high: 1, special: false }),
        tensorOf(b, dtype, any),
        tensorOf([], dtype, any),
      )
      .map(([condition, yes, no]) => caseOf(dtype, [condition, yes, no])),
  );

/** x[begin:end:stride] on each axis, whatever the three are: out of range, empty, backwards. */
const strides: fc.Arbitrary<Case> = shapes
  .filter((shape) => shape.length > 0)
  .chain((shape) => {
    const each = (low: number, high: number): fc.Arbitrary<number[]> =>
      fc.array(fc.integer({ min: low, max: high }), { minLength: shape.length, maxLength: shape.length });
    const mask = fc.nat(2 ** shape.length - 1);
    return fc
      .tuple(tensorOf(shape, 'float32', any), each(-5, 5), each(-5, 5), each(1, 3), fc.boolean(), mask, mask)
      .map(([x, begin, end, steps, backwards, beginMask, endMask]) =>
        caseOf(
          'float32',
          [x, known(...begin), known(...end), known(...steps.map((step) => (backwards ? -step : step)))],
          {
            begin_mask: { int: beginMask },
            end_mask: { int: endMask },
          },
        ),
      );
  });

/** Zeros before and after each axis. */
const paddings: fc.Arbitrary<Case> = fc
  .tuple(shapes, fc.constantFrom('float32' as const, 'int8' as const, 'bool' as const))
  .chain(([shape, dtype]) =>
    fc
      .tuple(
        tensorOf(shape, dtype, { low: 0, high: 1, special: false }),
        fc.array(fc.nat(2), { minLength: 2 * shape.length, maxLength: 2 * shape.length }),
      )
      .map(([x, amounts]) => caseOf(dtype, [x, { ...integers([shape.length, 2], ...amounts), known: true }])),
  );

const ofPlaces: Record<string, fc.Arbitrary<Case>> = {
  Cast: casts,
  Pad: paddings,
  SelectV2: choices,
  StridedSlice: strides,
};

/** Some uses of each op, all in one program. */
const usesOf = (table: Record<string, fc.Arbitrary<Case>>) =>
  fc.record(
    Object.fromEntries(
      Object.entries(table).map(([op, given]) => [op, fc.array(given, { minLength: 3, maxLength: 3 })]),
    ),
  );

describe.skipIf(plugin.path === undefined)(`rules on any tensors (plugin: ${plugin.reason})`, () => {
  it.each([
    ['of one float', ofFloats],
    ['of two numbers', ofTwo],
    ['along axes', ofAxes],
    ['that move and choose', ofPlaces],
  ] as const)(
    'ops %s',
    async (_, table) => {
      await fc.assert(
        fc.asyncProperty(usesOf(table), async (uses) => {
          await expectTensorFlowsNumbers(
            Object.entries(uses).flatMap(([op, cases]) => cases.map((given) => ({ op, given }))),
          );
        }),
        { numRuns: 1, endOnFailure: true },
      );
    },
    300_000,
  );
});
