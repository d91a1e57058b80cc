import { clamp } from './elementwise.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import type { Value, Writer } from './writer.js';

/** Functions without a closed form, by the approximations of XLA (`math.cc`): within some units in the last place of float32. */

/** A rule of one operand that is computed in float32. */
const inFloat32 =
  (formula: (write: Writer, x: Value) => Value): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    requireSingle(operation, x);
    return write.convert(formula(write, write.convert(x, 'float32')), x.dtype);
  };

function requireSingle(operation: Operation, x: Value): void {
  if (x.dtype !== 'float64') return;
  throw operation.refuse('has a float32 approximation only', 'float64', 'float32, bfloat16 or float16');
}

const add = (write: Writer, x: Value, y: Value | number): Value =>
  write.binary('add', x, typeof y === 'number' ? write.fill(x, y) : y);
const multiply = (write: Writer, x: Value, y: Value | number): Value =>
  write.binary('multiply', x, typeof y === 'number' ? write.fill(x, y) : y);
const divide = (write: Writer, x: Value | number, y: Value): Value =>
  write.binary('divide', typeof x === 'number' ? write.fill(y, x) : x, y);
const minus = (write: Writer, x: Value | number, y: Value): Value =>
  write.binary('subtract', typeof x === 'number' ? write.fill(y, x) : x, y);
const below = (write: Writer, x: Value, limit: number): Value => write.compare('LT', x, write.fill(x, limit));

/** c₀xⁿ + … + cₙ by Horner's rule. */
function polynomial(write: Writer, x: Value, coefficients: readonly number[]): Value {
  const [first, ...rest] = coefficients;
  if (first === undefined) throw new Error('internal: a polynomial has coefficients');
  return rest.reduce((sum, coefficient) => add(write, multiply(write, sum, x), coefficient), write.fill(x, first));
}

/**
 * erf(x) = (2/√π) ∫₀ˣ exp(-t²) dt: the rational function x·p(x²)/q(x²) that XLA and Eigen use in float32 (`erf.cc`,
 * `GenericPacketMathFunctions.h`), within 2 units in the last place. Beyond ±3.75 it is ±1.
 */
function erf(write: Writer, given: Value): Value {
  const limit = 3.7439211627767994;
  const x = clamp(write, given, -limit, limit);
  const squared = multiply(write, x, x);
  const numerator = polynomial(write, squared, erfNumerator);
  return divide(write, multiply(write, x, numerator), polynomial(write, squared, erfDenominator));
}

const erfNumerator = [
  0.00022905065861350646, 0.0034082910107109506, 0.050955695062380861, 0.18520832239976145, 1.128379143519084,
];
const erfDenominator = [
  -1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885, 0.014070470171167667, 0.11098505178285362,
  0.49746925110067538, 1,
];

/**
 * 1 - erf(x), which keeps its digits where it is small: for |x| > 1 exp(-x²)/|x| times a polynomial of 1/x² (Cephes, `ndtr.c`),
 * and 2 less that for negative x.
 */
function erfc(write: Writer, x: Value): Value {
  const size = write.unary('abs', x);
  const inverse = divide(write, 1, size);
  const squared = multiply(write, inverse, inverse);
  const tail = write.select(
    below(write, size, 2),
    polynomial(write, squared, erfcNear),
    polynomial(write, squared, erfcFar),
  );
  const decay = write.unary('exponential', write.unary('negate', multiply(write, x, x)));
  const product = multiply(write, multiply(write, decay, inverse), tail);
  // an infinite x has exp(-x²) · (1/x) · tail = 0 · 0
  const far = write.select(below(write, x, 0), minus(write, 2, product), product);
  return write.select(write.compare('GT', size, write.fill(x, 1)), far, minus(write, 1, erf(write, x)));
}

const erfcNear = [
  2.326819970068386e-2, -1.387039388740657e-1, 3.687424674597105e-1, -5.824733027278666e-1, 6.210004621745983e-1,
  -4.944515323274145e-1, 3.404879937665872e-1, -2.741127028184656e-1, 5.638259427386472e-1,
];
const erfcFar = [
  -1.047766399936249e1, 1.297719955372516e1, -7.495518717768503, 2.92101901921078, -1.0152652792027,
  4.218463358204948e-1, -2.820767439740514e-1, 5.641895067754075e-1,
];

/** Lanczos' approximation of the gamma function (1964) with g = 7 and nine coefficients. */
const g = 7;
const lanczosBase = 0.9999999999998099;
const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** For x < ½ the functions are reflected: they are taken at -x, else at x - 1. */
function lanczosArgument(write: Writer, x: Value): { readonly reflect: Value; readonly z: Value } {
  const reflect = below(write, x, 0.5);
  return { reflect, z: write.select(reflect, write.unary('negate', x), add(write, x, -1)) };
}

/** log(z + g + ½), as log(g + ½) + log1p(z / (g + ½)). */
const logOfShifted = (write: Writer, z: Value): Value =>
  add(write, write.unary('log_plus_one', multiply(write, z, 1 / (g + 0.5))), Math.log(g + 0.5));

/** log|Γ(x)|: log √(2π) + (z + ½) log t - t + log A(z), t = z + g + ½; for x < ½: log(π / |sin πx|) - log|Γ(1 - x)|. */
function logGamma(write: Writer, x: Value): Value {
  const { reflect, z } = lanczosArgument(write, x);
  const series = lanczos.reduce(
    (sum, coefficient, index) => add(write, sum, divide(write, coefficient, add(write, z, index + 1))),
    write.fill(z, lanczosBase),
  );
  const t = add(write, z, g + 0.5);
  const logT = logOfShifted(write, z);
  const scaled = multiply(write, minus(write, add(write, z, 0.5), divide(write, t, logT)), logT);
  const logY = add(write, add(write, scaled, 0.5 * Math.log(2 * Math.PI)), write.unary('log', series));
  const size = write.unary('abs', x);
  const fraction = minus(write, size, write.unary('floor', size));
  const folded = write.select(write.compare('GT', fraction, write.fill(x, 0.5)), minus(write, 1, fraction), fraction);
  const denominator = write.unary('log', write.unary('sine', multiply(write, folded, Math.PI)));
  const reflected = minus(write, minus(write, Math.log(Math.PI), denominator), logY);
  const atPole = write.select(write.isFinite(denominator), reflected, write.unary('negate', denominator));
  const result = write.select(reflect, atPole, logY);
  const infinite = write.compare('EQ', size, write.fill(x, Infinity));
  return write.select(infinite, write.fill(x, Infinity), result);
}

/** The derivative of log Γ: log t + A'(z)/A(z) - g/t; for x < ½: that of 1 - x, less π / tan πx. NaN at the poles 0, -1, -2, … */
function digamma(write: Writer, x: Value): Value {
  const { reflect, z } = lanczosArgument(write, x);
  let numerator = write.fill(z, 0);
  let denominator = write.fill(z, lanczosBase);
  lanczos.forEach((coefficient, index) => {
    const place = add(write, z, index + 1);
    denominator = add(write, denominator, divide(write, coefficient, place));
    numerator = minus(write, numerator, divide(write, coefficient, multiply(write, place, place)));
  });
  const t = add(write, z, g + 0.5);
  const slope = divide(write, numerator, denominator);
  const y = minus(write, add(write, logOfShifted(write, z), slope), divide(write, g, t));
  const reduced = add(write, x, write.unary('abs', write.unary('floor', add(write, x, 0.5))));
  const angle = multiply(write, reduced, Math.PI);
  const cotangent = divide(write, multiply(write, write.unary('cosine', angle), Math.PI), write.unary('sine', angle));
  const result = write.select(reflect, minus(write, y, cotangent), y);
  const whole = write.compare('EQ', x, write.unary('floor', x));
  const isPole = write.binary('and', write.compare('LE', x, write.fill(x, 0)), whole);
  return write.select(isPole, write.fill(x, NaN), result);
}

export const specialFunctions: LoweringRules = {
  Digamma: inFloat32(digamma),
  Erf: inFloat32(erf),
  Erfc: inFloat32(erfc),
  Lgamma: inFloat32(logGamma),
};
