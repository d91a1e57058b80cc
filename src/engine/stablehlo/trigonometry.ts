import type { LoweringRule, LoweringRules } from './rule.js';
import type { Value, Writer } from './writer.js';

/** Inverse and hyperbolic functions, in forms that neither overflow on the way nor lose digits near 0. */

const add = (write: Writer, x: Value, y: Value | number): Value =>
  write.binary('add', x, typeof y === 'number' ? write.fill(x, y) : y);
const multiply = (write: Writer, x: Value, y: Value | number): Value =>
  write.binary('multiply', x, typeof y === 'number' ? write.fill(x, y) : y);
const minus = (write: Writer, x: number, y: Value): Value => write.binary('subtract', write.fill(y, x), y);

/** A rule of one operand; half floats are computed in float32. */
const unary =
  (formula: (write: Writer, x: Value) => Value): LoweringRule =>
  (operation, write) => {
    const x = operation.input(0);
    const half = x.dtype === 'bfloat16' || x.dtype === 'float16';
    return write.convert(formula(write, half ? write.convert(x, 'float32') : x), x.dtype);
  };

/** √(1 - x²) = √((1 - x)(1 + x)). */
const other = (write: Writer, x: Value): Value =>
  write.unary('sqrt', multiply(write, minus(write, 1, x), add(write, x, 1)));

/** 2 atan2(√(1 - x²), 1 + x); π at -1, where both are 0. */
const acos = unary((write, x) => {
  const angle = multiply(write, write.binary('atan2', other(write, x), add(write, x, 1)), 2);
  return write.select(write.compare('EQ', x, write.fill(x, -1)), write.fill(x, Math.PI), angle);
});

/** atan2(x, √(1 - x²)). */
const asin = unary((write, x) => write.binary('atan2', x, other(write, x)));

const atan = unary((write, x) => write.binary('atan2', x, write.fill(x, 1)));

/** Where squares of numbers overflow (float32: 1.8e19), √(x² + 1) is x. */
const large = 1e18;

/** sign(x) · log(|x| + √(x² + 1)), as log1p(|x| + x² / (1 + √(x² + 1))); log|x| + log 2 for large x. */
const asinh = unary((write, x) => {
  const size = write.unary('abs', x);
  const squared = multiply(write, x, x);
  const root = write.unary('sqrt', add(write, squared, 1));
  const rest = write.binary('divide', squared, add(write, root, 1));
  const plain = write.unary('log_plus_one', add(write, size, rest));
  const far = add(write, write.unary('log', size), Math.LN2);
  const result = write.select(write.compare('GT', size, write.fill(x, large)), far, plain);
  return write.select(write.compare('LT', x, write.fill(x, 0)), write.unary('negate', result), result);
});

/** log(x + √(x² - 1)), as log1p(t + √(t (t + 2))) with t = x - 1; NaN below 1. */
const acosh = unary((write, x) => {
  const t = add(write, x, -1);
  const root = write.unary('sqrt', multiply(write, t, add(write, t, 2)));
  const plain = write.unary('log_plus_one', add(write, t, root));
  const far = add(write, write.unary('log', x), Math.LN2);
  const result = write.select(write.compare('GT', x, write.fill(x, large)), far, plain);
  return write.select(write.compare('LT', x, write.fill(x, 1)), write.fill(x, NaN), result);
});

/** ½ (log1p(x) - log1p(-x)). */
const atanh = unary((write, x) => {
  const difference = write.binary(
    'subtract',
    write.unary('log_plus_one', x),
    write.unary('log_plus_one', write.unary('negate', x)),
  );
  return multiply(write, difference, 0.5);
});

/** ½ (exp(x) - exp(-x)), by ½ (e + e / (e + 1)) with e = expm1(x) for |x| < 1. */
const sinh = unary((write, x) => {
  // ½ inside the exponents, so that the largest results do not overflow on the way
  const grow = write.unary('exponential', add(write, x, Math.log(0.5)));
  const shrink = write.unary('exponential', minus(write, Math.log(0.5), x));
  const e = write.unary('exponential_minus_one', x);
  const near = multiply(write, add(write, write.binary('divide', e, add(write, e, 1)), e), 0.5);
  const isNear = write.compare('LT', write.unary('abs', x), write.fill(x, 1));
  return write.select(isNear, near, write.binary('subtract', grow, shrink));
});

export const trigonometry: LoweringRules = {
  Acos: acos,
  Acosh: acosh,
  Asin: asin,
  Asinh: asinh,
  Atan: atan,
  Atanh: atanh,
  Sinh: sinh,
};
