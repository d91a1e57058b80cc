import { clamp } from './elementwise.js';
import type { LoweringRule, LoweringRules } from './rule.js';

/** Activations and the gradients that TensorFlow has ops of their own for. A gradient op's first input is dy. */

/** max(x, 0). */
const relu: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.binary('maximum', x, write.fill(x, 0));
};

const relu6: LoweringRule = (operation, write) => clamp(write, operation.input(0), 0, 6);

/** x where x > 0, else αx. */
const leakyRelu: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const low = write.binary('multiply', x, write.fill(x, operation.float('alpha', 0.2)));
  return write.select(write.compare('GT', x, write.fill(x, 0)), x, low);
};

/** x where x ≥ 0, else exp(x) - 1. Clevert 2016, 1511.07289. */
const elu: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const low = write.unary('exponential_minus_one', x);
  return write.select(write.compare('LT', x, write.fill(x, 0)), low, x);
};

/** λ and α of SELU, which keep mean 0 and variance 1. */
const [scale, alpha] = [1.0507009873554805, 1.6732632423543772];

/** λx where x ≥ 0, else λα(exp(x) - 1). Klambauer 2017, 1706.02515. */
const selu: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const high = write.binary('multiply', x, write.fill(x, scale));
  const low = write.binary('multiply', write.unary('exponential_minus_one', x), write.fill(x, scale * alpha));
  return write.select(write.compare('LT', x, write.fill(x, 0)), low, high);
};

/** ln(1 + exp(x)), which is exp(x) for very negative x and x for large x, to all digits of the dtype. */
const softplus: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const epsilon =
    { float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7 }[x.dtype as string] ?? 1;
  const threshold = Math.log(epsilon) + 2;
  const exponential = write.unary('exponential', x);
  const middle = write.unary('log_plus_one', exponential);
  const low = write.select(write.compare('LT', x, write.fill(x, threshold)), exponential, middle);
  return write.select(write.compare('GT', x, write.fill(x, -threshold)), x, low);
};

/** x / (1 + |x|). */
const softsign: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  return write.binary('divide', x, write.binary('add', write.unary('abs', x), write.fill(x, 1)));
};

/** dy where the feature is positive, else 0. */
const reluGrad: LoweringRule = (operation, write) => {
  const [dy, features] = [operation.input(0), operation.input(1)];
  const zero = write.fill(dy, 0);
  return write.select(write.compare('GT', features, zero), dy, zero);
};

const relu6Grad: LoweringRule = (operation, write) => {
  const [dy, features] = [operation.input(0), operation.input(1)];
  const zero = write.fill(dy, 0);
  const above = write.compare('GT', features, zero);
  const inside = write.binary('and', above, write.compare('LT', features, write.fill(dy, 6)));
  return write.select(inside, dy, zero);
};

const leakyReluGrad: LoweringRule = (operation, write) => {
  const [dy, features] = [operation.input(0), operation.input(1)];
  const low = write.binary('multiply', dy, write.fill(dy, operation.float('alpha', 0.2)));
  return write.select(write.compare('GT', features, write.fill(dy, 0)), dy, low);
};

/** The second input is y = elu(x), whose slope below 0 is y + 1. */
const eluGrad: LoweringRule = (operation, write) => {
  const [dy, y] = [operation.input(0), operation.input(1)];
  const low = write.binary('multiply', dy, write.binary('add', y, write.fill(y, 1)));
  return write.select(write.compare('LT', y, write.fill(y, 0)), low, dy);
};

/** The second input is y = selu(x), whose slope is λ above 0 and y + λα below. */
const seluGrad: LoweringRule = (operation, write) => {
  const [dy, y] = [operation.input(0), operation.input(1)];
  const low = write.binary('multiply', dy, write.binary('add', y, write.fill(y, scale * alpha)));
  const high = write.binary('multiply', dy, write.fill(dy, scale));
  return write.select(write.compare('LT', y, write.fill(y, 0)), low, high);
};

/** dy · sigmoid(x) = dy / (1 + exp(-x)). */
const softplusGrad: LoweringRule = (operation, write) => {
  const [dy, x] = [operation.input(0), operation.input(1)];
  const exponential = write.unary('exponential', write.unary('negate', x));
  return write.binary('divide', dy, write.binary('add', exponential, write.fill(x, 1)));
};

/** The first input is y = 1/x: -dy · y². */
const reciprocalGrad: LoweringRule = (operation, write) => {
  const [y, dy] = [operation.input(0), operation.input(1)];
  return write.binary('multiply', write.unary('negate', dy), write.binary('multiply', y, y));
};

/** The first input is y = sigmoid(x): dy · y · (1 - y). */
const sigmoidGrad: LoweringRule = (operation, write) => {
  const [y, dy] = [operation.input(0), operation.input(1)];
  const slope = write.binary('multiply', y, write.binary('subtract', write.fill(y, 1), y));
  return write.binary('multiply', dy, slope);
};

/** The first input is y = tanh(x): dy · (1 - y²). */
const tanhGrad: LoweringRule = (operation, write) => {
  const [y, dy] = [operation.input(0), operation.input(1)];
  const slope = write.binary('subtract', write.fill(y, 1), write.binary('multiply', y, y));
  return write.binary('multiply', dy, slope);
};

/** The first input is y = √x: dy / (2y). */
const sqrtGrad: LoweringRule = (operation, write) => {
  const [y, dy] = [operation.input(0), operation.input(1)];
  return write.binary('divide', write.binary('multiply', dy, write.fill(y, 0.5)), y);
};

/** The first input is y = 1/√x: -½ dy · y³. */
const rsqrtGrad: LoweringRule = (operation, write) => {
  const [y, dy] = [operation.input(0), operation.input(1)];
  const cube = write.binary('multiply', write.binary('multiply', y, y), y);
  return write.binary('multiply', write.binary('multiply', dy, write.fill(y, -0.5)), cube);
};

export const activation: LoweringRules = {
  Elu: elu,
  EluGrad: eluGrad,
  LeakyRelu: leakyRelu,
  LeakyReluGrad: leakyReluGrad,
  ReciprocalGrad: reciprocalGrad,
  Relu: relu,
  Relu6: relu6,
  Relu6Grad: relu6Grad,
  ReluGrad: reluGrad,
  RsqrtGrad: rsqrtGrad,
  Selu: selu,
  SeluGrad: seluGrad,
  SigmoidGrad: sigmoidGrad,
  Softplus: softplus,
  SoftplusGrad: softplusGrad,
  Softsign: softsign,
  SqrtGrad: sqrtGrad,
  TanhGrad: tanhGrad,
};
