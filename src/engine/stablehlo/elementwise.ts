import { isFloating, isUnsignedInteger } from './rule.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import type { BinaryOp, UnaryOp, Value, Writer } from './writer.js';

/** One op per element of one or two tensors, broadcast by NumPy's rule. */

const unary =
  (op: UnaryOp): LoweringRule =>
  (operation, write) =>
    write.unary(op, operation.input(0));

const binary =
  (op: BinaryOp): LoweringRule =>
  (operation, write) =>
    write.binary(op, ...operands(operation, write));

/** The two operands, each with the shape of the output. */
export function operands(operation: Operation, write: Writer): [Value, Value] {
  const { shape } = operation.output;
  return [write.broadcast(operation.input(0), shape), write.broadcast(operation.input(1), shape)];
}

/** Whether one of two numbers is negative and the other is not. */
const signsDiffer = (write: Writer, a: Value, b: Value): Value => {
  const zero = write.fill(a, 0);
  return write.compare('NE', write.compare('LT', a, zero), write.compare('LT', b, zero));
};

/**
 * The remainder that has the divisor's sign: r = rem(x, y), plus y where r is not zero and their signs differ.
 */
const floorMod: LoweringRule = (operation, write) => {
  const [x, y] = operands(operation, write);
  const remainder = write.binary('remainder', x, y);
  if (isUnsignedInteger(x.dtype)) return remainder;
  const notZero = write.compare('NE', remainder, write.fill(x, 0));
  const correct = write.binary('and', notZero, signsDiffer(write, remainder, y));
  return write.select(correct, write.binary('add', remainder, y), remainder);
};

/**
 * ⌊x / y⌋. Integers are divided towards zero, then lowered by one where the remainder is not zero and the signs differ.
 * An integer divided by zero gives -1 (TensorFlow's CPU kernel refuses at run time instead).
 */
const floorDivide: LoweringRule = (operation, write) => {
  const [x, y] = operands(operation, write);
  const quotient = write.binary('divide', x, y);
  if (isFloating(x.dtype)) return write.unary('floor', quotient);
  if (isUnsignedInteger(x.dtype)) return quotient;
  const remainder = write.binary('remainder', x, y);
  const inexact = write.compare('NE', remainder, write.fill(x, 0));
  const lower = write.binary('and', inexact, signsDiffer(write, x, y));
  return write.select(lower, write.binary('subtract', quotient, write.fill(x, 1)), quotient);
};

const square: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.binary('multiply', x, x);
};

const squaredDifference: LoweringRule = (operation, write) => {
  const difference = write.binary('subtract', ...operands(operation, write));
  return write.binary('multiply', difference, difference);
};

const reciprocal: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.binary('divide', write.fill(x, 1), x);
};

/** x / y, and 0 where y is 0. */
const divideNoNan: LoweringRule = (operation, write) => {
  const [x, y] = operands(operation, write);
  const zero = write.fill(x, 0);
  return write.select(write.compare('EQ', y, zero), zero, write.binary('divide', x, y));
};

const addN: LoweringRule = (operation, write) =>
  operation.inputs().reduce((sum, term) => write.binary('add', sum, term));

/** To the nearest integer, halves to the even one. */
const round: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return isFloating(x.dtype) ? write.unary('round_nearest_even', x) : x;
};

const isNan: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.compare('NE', x, x);
};

const isInf: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.compare('EQ', write.unary('abs', x), write.fill(x, Infinity));
};

/** min(max(x, low), high); a NaN stays. */
export function clamp(write: Writer, x: Value, low: number, high: number): Value {
  return write.binary('minimum', write.binary('maximum', x, write.fill(x, low)), write.fill(x, high));
}

const clipByValue: LoweringRule = (operation, write) => {
  const [x, low, high] = [operation.input(0), operation.input(1), operation.input(2)];
  const raised = write.binary('maximum', x, write.broadcast(low, x.shape));
  return write.binary('minimum', raised, write.broadcast(high, x.shape));
};

/** ½ (exp(x) + exp(-x)). */
const cosh: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  // ½ inside the exponents, so that the largest results do not overflow on the way
  const half = write.fill(x, Math.log(0.5));
  const grow = write.unary('exponential', write.binary('add', x, half));
  const shrink = write.unary('exponential', write.binary('subtract', half, x));
  return write.binary('add', grow, shrink);
};

const xlogy: LoweringRule = (operation, write) => {
  const [x, y] = operands(operation, write);
  const zero = write.fill(x, 0);
  const product = write.binary('multiply', x, write.unary('log', y));
  return write.select(write.compare('EQ', x, zero), zero, product);
};

/** x · log1p(y), and 0 where x is 0. */
const xlog1py: LoweringRule = (operation, write) => {
  const [x, y] = operands(operation, write);
  const zero = write.fill(x, 0);
  const product = write.binary('multiply', x, write.unary('log_plus_one', y));
  return write.select(write.compare('EQ', x, zero), zero, product);
};

/** A constant of the output's shape. */
const likeOutput =
  (value: number): LoweringRule =>
  (operation, write) =>
    write.fill(operation.output, value);

/** The value itself. */
const identity: LoweringRule = (operation) => operation.input(0);

/** Values that later ops may not be moved across: what keeps recomputation from being merged with the first computation. */
const barrier: LoweringRule = (operation, write) => write.barrier(operation.inputs());

export const elementwise: LoweringRules = {
  Abs: unary('abs'),
  Add: binary('add'),
  AddN: addN,
  AddV2: binary('add'),
  Atan2: binary('atan2'),
  Ceil: unary('ceil'),
  ClipByValue: clipByValue,
  Cos: unary('cosine'),
  Cosh: cosh,
  Div: binary('divide'),
  DivNoNan: divideNoNan,
  Exp: unary('exponential'),
  Expm1: unary('exponential_minus_one'),
  Floor: unary('floor'),
  FloorDiv: floorDivide,
  FloorMod: floorMod,
  Identity: identity,
  IdentityN: (operation) => operation.inputs(),
  Inv: reciprocal,
  IsFinite: (operation, write) => write.isFinite(operation.input(0)),
  IsInf: isInf,
  IsNan: isNan,
  Log: unary('log'),
  Log1p: unary('log_plus_one'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Mod: binary('remainder'),
  Mul: binary('multiply'),
  Neg: unary('negate'),
  OnesLike: likeOutput(1),
  Pow: binary('power'),
  PreventGradient: identity,
  RealDiv: binary('divide'),
  Reciprocal: reciprocal,
  Rint: round,
  Round: round,
  Rsqrt: unary('rsqrt'),
  Sigmoid: unary('logistic'),
  Sign: unary('sign'),
  Sin: unary('sine'),
  Sqrt: unary('sqrt'),
  Square: square,
  SquaredDifference: squaredDifference,
  StopGradient: identity,
  Sub: binary('subtract'),
  Tan: unary('tan'),
  Tanh: unary('tanh'),
  XlaOptimizationBarrier: barrier,
  Xlog1py: xlog1py,
  Xlogy: xlogy,
  ZerosLike: likeOutput(0),
};
