/** Ops that work element by element. A transcendental function counts as one operation, as an addition does. */
import type { DType, Rule, RuleInput } from '../trace.js';
import { broadcastInputs } from './broadcast.js';
import {
  bools,
  any,
  floats,
  floatsAndComplex,
  integers,
  numbers,
  reals,
  requireDtype,
  signed,
  signedAndComplex,
} from './dtypes.js';
import { requireRank, requireSameShape, sameShape, takeInputs, takeList } from './inputs.js';
import { noFlops, perOutputElement } from './flops.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';

/** y = f(x): the shape and dtype of x. */
export const unary =
  (dtypes: readonly DType[], flops?: Rule['flops']): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x] = takeInputs(op, inputs, 'x');
      return [{ dtype: requireDtype(op, dtypes, x), shape: x.spec.shape }];
    },
    ...(flops === undefined ? {} : { flops }),
  });

/** z = f(x, y), both stretched to one shape. */
export const binary =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x, y] = takeInputs(op, inputs, 'x', 'y');
      return [{ dtype: requireDtype(op, dtypes, x, y), shape: broadcastInputs(op, inputs) }];
    },
  });

/** dx = f(y, dy), as TensorFlow's fused gradients: one shape, no stretching. */
const fusedGradient =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x, y] = takeInputs(op, inputs, 'x', 'y');
      requireSameShape(op, inputs);
      return [{ dtype: requireDtype(op, dtypes, x, y), shape: x.spec.shape }];
    },
  });

/** The sum of a list of tensors of one shape: n - 1 additions an element. */
const addN: RuleMaker = (op) => ({
  list: 'all',
  infer(inputs) {
    const [first] = takeList(op, inputs);
    requireSameShape(op, inputs);
    return [{ dtype: requireDtype(op, numbers, ...inputs), shape: first.spec.shape }];
  },
  flops: (inputs, outputs, attributes) => perOutputElement(inputs.length - 1)(inputs, outputs, attributes),
});

/** min(max(x, low), high): a comparison for each bound. */
const clip: RuleMaker = (op) => ({
  infer(inputs) {
    const [x, low, high] = takeInputs(op, inputs, 't', 'clip_value_min', 'clip_value_max');
    const isBound = ({ spec }: RuleInput): boolean => spec.shape.length === 0 || sameShape(spec.shape, x.spec.shape);
    if (!isBound(low) || !isBound(high)) requireSameShape(op, inputs);
    return [{ dtype: requireDtype(op, numbers, x, low, high), shape: x.spec.shape }];
  },
  flops: perOutputElement(2),
});

/** Local response normalisation over the channels (Krizhevsky et al. 2012): images of rank 4. */
const localResponse = (...names: readonly string[]): RuleMaker => {
  return (op) => ({
    infer(inputs) {
      const images = takeInputs(op, inputs, ...names);
      const [first] = takeList(op, images);
      requireRank(op, inputs, first, 4, 'input');
      requireSameShape(op, inputs);
      return [{ dtype: requireDtype(op, ['float16', 'bfloat16', 'float32'], ...images), shape: first.spec.shape }];
    },
  });
};

export const elementwise = named({
  ...each(['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cos', 'Cosh'], unary(floatsAndComplex)),
  ...each(['Exp', 'Expm1', 'Log', 'Log1p', 'Rsqrt', 'Sigmoid', 'Sin', 'Sinh'], unary(floatsAndComplex)),
  ...each(['Sqrt', 'Tan', 'Tanh'], unary(floatsAndComplex)),
  ...each(['Ceil', 'Erf', 'Erfc', 'Floor', 'Rint', 'Lgamma', 'Digamma'], unary(floats)),
  ...each(['Elu', 'LeakyRelu', 'Selu', 'Softplus', 'Softsign'], unary(floats)),
  ...each(['Neg', 'Reciprocal', 'Inv', 'Round', 'Sign'], unary(signedAndComplex)),
  ...each(['Relu', 'Relu6'], unary(reals)),
  Abs: unary(signed),
  Square: unary(numbers),
  Invert: unary(integers),
  LogicalNot: unary(bools),
  StaticRegexReplace: unary(['string'], noFlops),
  ...each(['Identity', 'StopGradient', 'PreventGradient'], unary(any, noFlops)),
  ZerosLike: unary(any, noFlops),
  OnesLike: unary([...numbers, 'bool'], noFlops),

  Add: binary([...signedAndComplex, 'uint8', 'string']),
  ...each(['AddV2', 'Sub', 'Mul', 'Div', 'RealDiv', 'FloorDiv'], binary(numbers)),
  ...each(['Maximum', 'Minimum', 'FloorMod'], binary(reals)),
  Mod: binary([...floats, 'int32', 'int64']),
  SquaredDifference: binary([...floatsAndComplex, 'int32', 'int64']),
  Pow: binary(signedAndComplex),
  ...each(['DivNoNan', 'Xlogy', 'Xlog1py'], binary(floatsAndComplex)),
  Atan2: binary(floats),
  ...each(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'LeftShift', 'RightShift'], binary(integers)),

  ...each(['ReluGrad', 'Relu6Grad'], fusedGradient(reals)),
  ...each(['EluGrad', 'SeluGrad', 'LeakyReluGrad', 'SoftplusGrad'], fusedGradient(floats)),
  ...each(['TanhGrad', 'SigmoidGrad', 'RsqrtGrad', 'SqrtGrad', 'ReciprocalGrad'], fusedGradient(floatsAndComplex)),

  AddN: addN,
  ClipByValue: clip,
  LRN: localResponse('input'),
  LRNGrad: localResponse('input_grads', 'input_image', 'output_image'),
});
